/** The user's audience: their own agents, conversations and snapshots, and nobody else's. */
import { v } from "convex/values";
import type { ComponentApi } from "../component/_generated/component.js";
import { vMessageStatus, vUploadedFile } from "../shared/payload.js";
import { vCancellation, vOpenedUpload } from "../shared/reports.js";
import {
  vBindingView,
  vConversationView,
  vNullableString,
  vQueueItemView,
  vSnapshotView,
  vUserAgentView,
} from "../shared/views.js";
import type { Authenticate } from "./auth.js";
import { userAgentBuilders, userBuilders } from "./builders.js";

export function userApi({ lib }: ComponentApi, authenticate: Authenticate) {
  const user = userBuilders(authenticate);
  const userAgent = userAgentBuilders(authenticate);
  return {
    /** The newest active agent of the user, or `null`. */
    myAgentKey: user.query("myAgentKey")({
      args: {},
      returns: vNullableString,
      handler: async (ctx, args) => (await ctx.runQuery(lib.resolveAgentForUser, args)).agentKey,
    }),
    getUserAgentBinding: user.query("getUserAgentBinding")({
      args: {},
      returns: v.union(vBindingView, v.null()),
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentBinding, args),
    }),
    revokeUserAgentBinding: user.mutation("revokeUserAgentBinding")({
      args: {},
      returns: v.object({ revoked: v.number() }),
      handler: async (ctx, args) => await ctx.runMutation(lib.revokeUserAgentBinding, args),
    }),
    listUserAgents: user.query("listUserAgents")({
      args: { includeDisabled: v.optional(v.boolean()) },
      returns: v.array(vUserAgentView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listUserAgents, args),
    }),
    getUserAgent: userAgent.query("getUserAgent")({
      args: {},
      returns: v.union(vUserAgentView, v.null()),
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgent, args),
    }),
    getActiveUserAgent: user.query("getActiveUserAgent")({
      args: {},
      returns: v.union(vUserAgentView, v.null()),
      handler: async (ctx, args) => await ctx.runQuery(lib.getActiveUserAgent, args),
    }),
    getUserAgentsOverview: user.query("getUserAgentsOverview")({
      args: {},
      returns: v.object({
        agents: v.array(vUserAgentView),
        activeAgentKey: vNullableString,
        canCreateNewAgent: v.boolean(),
      }),
      handler: async (ctx, args) => await ctx.runQuery(lib.getUserAgentsOverview, args),
    }),
    /** Queues a message with files that the user has uploaded; it is durable once this has returned its id. */
    sendMessageToUserAgent: userAgent.mutation("sendMessageToUserAgent")({
      args: {
        content: v.string(),
        metadata: v.optional(v.record(v.string(), v.string())),
        attachments: v.optional(v.array(vUploadedFile)),
      },
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.sendMessageToUserAgent, args),
    }),
    /**
     * Where to POST a file that the user means to send, with `contentType` as its `Content-Type`. The answer to that names the
     * `storageId` that `sendMessageToUserAgent` takes, once, for a day and from this user only. `mimeType` is the file's own type.
     */
    generateMediaUploadUrlForUserAgent: userAgent.mutation("generateMediaUploadUrlForUserAgent")({
      args: { mimeType: v.optional(v.string()) },
      returns: vOpenedUpload,
      handler: async (ctx, args) => await ctx.runMutation(lib.generateMediaUploadUrl, args),
    }),
    /** Gives up an upload that was not sent, with its file if `storageId` names it; false when there is none. */
    discardMediaUploadForUserAgent: userAgent.mutation("discardMediaUploadForUserAgent")({
      args: { uploadId: v.string(), storageId: v.optional(v.string()) },
      returns: v.boolean(),
      handler: async (ctx, args) => await ctx.runMutation(lib.discardMediaUpload, args),
    }),
    /** Stops a message of the user's own, also while it runs; nothing of it is answered then. */
    cancelMessageForUserAgent: userAgent.mutation("cancelMessageForUserAgent")({
      args: { messageId: v.string() },
      returns: vCancellation,
      handler: async (ctx, args) => await ctx.runMutation(lib.cancelMessageForUserAgent, args),
    }),
    /** Subscribe to it: it changes with every streamed word. */
    getConversationViewForUserAgent: userAgent.query("getConversationViewForUserAgent")({
      args: { limit: v.optional(v.number()) },
      returns: vConversationView,
      handler: async (ctx, args) => await ctx.runQuery(lib.getConversationViewForUserAgent, args),
    }),
    listQueueItemsForUserAgent: userAgent.query("listQueueItemsForUserAgent")({
      args: { statuses: v.optional(v.array(vMessageStatus)), limit: v.optional(v.number()) },
      returns: v.array(vQueueItemView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listQueueItemsForUserAgent, args),
    }),
    listSnapshotsForUserAgent: userAgent.query("listSnapshotsForUserAgent")({
      args: { limit: v.optional(v.number()) },
      returns: v.array(vSnapshotView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listSnapshotsForUserAgent, args),
    }),
    getLatestSnapshotForUserAgent: userAgent.query("getLatestSnapshotForUserAgent")({
      args: {},
      returns: v.union(vSnapshotView, v.null()),
      handler: async (ctx, args) => await ctx.runQuery(lib.getLatestSnapshotForUserAgent, args),
    }),
  };
}

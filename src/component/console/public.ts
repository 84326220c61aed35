/** Registered functions for pages: reads across the rooms, and the user's own door to the queue. */
import { v } from "convex/values";
import { vMessageStatus, vUploadedFile } from "../../shared/payload.js";
import { vCancellation, vOpenedUpload } from "../../shared/reports.js";
import {
  vConversationView,
  vFleetEventView,
  vQueueItemView,
  vSnapshotView,
  vUserAgentView,
  vWorkerView,
  vNullableString,
} from "../../shared/views.js";
import { DEFAULT_POOL_KEY } from "../agents/profile.js";
import { discardUpload, openUpload } from "../conversations/uploads.js";
import { mutation, query } from "../functions.js";
import { bindingOfConversation, requireActiveBinding } from "../identity/bindings.js";
import { cancelMessage, requireMessage } from "../queue/cancel.js";
import { enqueueMessage } from "../queue/enqueue.js";
import { currentSnapshotView, listSnapshotViews } from "../snapshots/list.js";
import { boundedLimit } from "../validation.js";
import { conversationView, listQueueItems } from "./conversation.js";
import { readTimeline } from "../workers/timeline.js";
import { listWorkerViews } from "./fleet.js";
import { canCreateNewAgent, findActiveUserAgentView, findUserAgentView, listUserAgentViews } from "./userAgents.js";

const DEFAULT_LIST = 50;
const MAX_LIST = 200;
const MAX_WORKER_LIST = 1_000;

const userAgent = { consumerUserId: v.string(), agentKey: v.string() };

/**
 * Queues a message from an app's user to one of their agents, with files that this user has uploaded and not sent yet.
 *
 * @throws `binding_not_found`, and what `enqueue` throws
 */
export const sendMessageToUserAgent = mutation({
  args: {
    ...userAgent,
    content: v.string(),
    metadata: v.optional(v.record(v.string(), v.string())),
    attachments: v.optional(v.array(vUploadedFile)),
  },
  returns: v.string(),
  handler: async (ctx, { consumerUserId, agentKey, content, metadata, attachments }) => {
    const { conversationId } = await requireActiveBinding(ctx, consumerUserId, agentKey);
    return await enqueueMessage(ctx, {
      conversationId,
      agentKey,
      payload: {
        provider: "app",
        providerUserId: consumerUserId,
        messageText: content,
        ...(metadata === undefined ? {} : { metadata }),
        ...(attachments === undefined ? {} : { attachments }),
      },
    });
  },
});

/**
 * Where to upload a file that the user means to send. POST it to `uploadUrl` within the hour, with `contentType` as its
 * `Content-Type`; the `storageId` in the answer is what `sendMessageToUserAgent` takes, for a day. `mimeType` is the file's own type.
 *
 * @throws `binding_not_found`, `too_many_uploads`
 */
export const generateMediaUploadUrl = mutation({
  args: { ...userAgent, mimeType: v.optional(v.string()) },
  returns: vOpenedUpload,
  handler: async (ctx, { consumerUserId, agentKey, mimeType }) => {
    await requireActiveBinding(ctx, consumerUserId, agentKey);
    return await openUpload(ctx, consumerUserId, mimeType);
  },
});

/** Gives up an upload that was not sent; false when it was, or is nobody's of this user. `storageId`: the file, if it has one. */
export const discardMediaUpload = mutation({
  args: { ...userAgent, uploadId: v.string(), storageId: v.optional(v.string()) },
  returns: v.boolean(),
  handler: async (ctx, { consumerUserId, uploadId, storageId }) =>
    await discardUpload(ctx, consumerUserId, { uploadId, ...(storageId === undefined ? {} : { storageId }) }),
});

/** Cancels one of the user's own messages unless it has ended. @throws `binding_not_found`, `message_not_found` */
export const cancelMessageForUserAgent = mutation({
  args: { ...userAgent, messageId: v.string() },
  returns: vCancellation,
  handler: async (ctx, { consumerUserId, agentKey, messageId }) => {
    const { conversationId } = await requireActiveBinding(ctx, consumerUserId, agentKey);
    return await cancelMessage(ctx, await requireMessage(ctx, messageId, conversationId));
  },
});

/** `limit` bounds transcript entries and queue items each, 1–200, default 50. */
export const getConversationViewForUserAgent = query({
  args: { ...userAgent, limit: v.optional(v.number()) },
  returns: vConversationView,
  handler: async (ctx, { consumerUserId, agentKey, limit }) => {
    const { conversationId } = await requireActiveBinding(ctx, consumerUserId, agentKey);
    return await conversationView(ctx, conversationId, boundedLimit(limit, DEFAULT_LIST, MAX_LIST));
  },
});

export const listQueueItemsForUserAgent = query({
  args: { ...userAgent, statuses: v.optional(v.array(vMessageStatus)), limit: v.optional(v.number()) },
  returns: v.array(vQueueItemView),
  handler: async (ctx, { consumerUserId, agentKey, statuses, limit }) => {
    const { conversationId } = await requireActiveBinding(ctx, consumerUserId, agentKey);
    const bounds = {
      limit: boundedLimit(limit, DEFAULT_LIST, MAX_LIST),
      ...(statuses === undefined ? {} : { statuses }),
    };
    return await listQueueItems(ctx, { conversationId, ...bounds }, "user");
  },
});

export const listQueueItemsForConversation = query({
  args: { conversationId: v.string(), limit: v.optional(v.number()) },
  returns: v.array(vQueueItemView),
  handler: async (ctx, { conversationId, limit }) =>
    await listQueueItems(ctx, { conversationId, limit: boundedLimit(limit, DEFAULT_LIST, MAX_LIST) }, "operator"),
});

export const listUserAgents = query({
  args: { consumerUserId: v.string(), includeDisabled: v.optional(v.boolean()) },
  returns: v.array(vUserAgentView),
  handler: async (ctx, { consumerUserId, includeDisabled }) =>
    await listUserAgentViews(ctx, consumerUserId, includeDisabled ?? false),
});

export const getUserAgent = query({
  args: userAgent,
  returns: v.union(vUserAgentView, v.null()),
  handler: async (ctx, { consumerUserId, agentKey }) => await findUserAgentView(ctx, consumerUserId, agentKey),
});

export const getActiveUserAgent = query({
  args: { consumerUserId: v.string() },
  returns: v.union(vUserAgentView, v.null()),
  handler: async (ctx, { consumerUserId }) => await findActiveUserAgentView(ctx, consumerUserId),
});

export const getUserAgentsOverview = query({
  args: { consumerUserId: v.string() },
  returns: v.object({
    agents: v.array(vUserAgentView),
    activeAgentKey: vNullableString,
    canCreateNewAgent: v.boolean(),
  }),
  handler: async (ctx, { consumerUserId }) => {
    const agents = await listUserAgentViews(ctx, consumerUserId, true);
    return {
      agents,
      activeAgentKey: agents.find(({ status }) => status === "active")?.agentKey ?? null,
      canCreateNewAgent: await canCreateNewAgent(ctx, consumerUserId),
    };
  },
});

/** Who a conversation belongs to, for the app's own access checks; `null` for one that no binding made. */
export const ownerOfConversation = query({
  args: { conversationId: v.string() },
  returns: v.union(v.object({ consumerUserId: v.string(), agentKey: v.string() }), v.null()),
  handler: async (ctx, { conversationId }) => {
    const binding = await bindingOfConversation(ctx, conversationId);
    return binding && { consumerUserId: binding.consumerUserId, agentKey: binding.agentKey };
  },
});

/** Newest first. */
export const listSnapshotsForUserAgent = query({
  args: { ...userAgent, limit: v.optional(v.number()) },
  returns: v.array(vSnapshotView),
  handler: async (ctx, { consumerUserId, agentKey, limit }) => {
    const { conversationId } = await requireActiveBinding(ctx, consumerUserId, agentKey);
    return await listSnapshotViews(ctx, conversationId, boundedLimit(limit, DEFAULT_LIST, MAX_LIST));
  },
});

export const getLatestSnapshotForUserAgent = query({
  args: userAgent,
  returns: v.union(vSnapshotView, v.null()),
  handler: async (ctx, { consumerUserId, agentKey }) => {
    const { conversationId } = await requireActiveBinding(ctx, consumerUserId, agentKey);
    return await currentSnapshotView(ctx, conversationId);
  },
});

export const listSnapshotsForConversation = query({
  args: { conversationId: v.string(), limit: v.optional(v.number()) },
  returns: v.array(vSnapshotView),
  handler: async (ctx, { conversationId, limit }) =>
    await listSnapshotViews(ctx, conversationId, boundedLimit(limit, DEFAULT_LIST, MAX_LIST)),
});

/** Live workers, then the most recently stopped ones; `limit` 1–1000, default 50. */
export const listWorkers = query({
  args: { limit: v.optional(v.number()) },
  returns: v.array(vWorkerView),
  handler: async (ctx, { limit }) =>
    await listWorkerViews(ctx, DEFAULT_POOL_KEY, boundedLimit(limit, DEFAULT_LIST, MAX_WORKER_LIST)),
});

/**
 * What the pool did and why, newest first: of one worker when `workerId` is given, and before a time (ms) to page on. `limit`
 * 1–200, default 50. Kept for a week.
 */
export const fleetTimeline = query({
  args: { workerId: v.optional(v.string()), before: v.optional(v.number()), limit: v.optional(v.number()) },
  returns: v.array(vFleetEventView),
  handler: async (ctx, { workerId, before, limit }) =>
    await readTimeline(ctx, DEFAULT_POOL_KEY, { workerId, before, limit: boundedLimit(limit, DEFAULT_LIST, MAX_LIST) }),
});

export const workerStats = query({
  args: {},
  returns: v.object({ activeCount: v.number(), idleCount: v.number(), workers: v.array(vWorkerView) }),
  handler: async (ctx) => {
    const workers = (await listWorkerViews(ctx, DEFAULT_POOL_KEY, MAX_WORKER_LIST)).filter(
      ({ status }) => status !== "stopped",
    );
    const active = workers.filter(({ status }) => status === "active");
    return { activeCount: active.length, idleCount: active.filter(({ load }) => load === 0).length, workers };
  },
});

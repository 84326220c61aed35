/** The worker's audience: functions that take `workerToken`, which the component checks in the transaction of the work. */
import { mutationGeneric, queryGeneric } from "convex/server";
import type { ComponentApi } from "../component/_generated/component.js";
import { WORKER_PROTOCOL } from "../shared/worker-protocol.js";

const protocol = WORKER_PROTOCOL;

/** `auth` is not asked: a worker is nobody's user. */
export function workerApi({ lib }: ComponentApi) {
  return {
    workerEnroll: mutationGeneric({
      args: protocol.workerEnroll.args,
      returns: protocol.workerEnroll.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.enrollWorker, args),
    }),
    workerRotateToken: mutationGeneric({
      args: protocol.workerRotateToken.args,
      returns: protocol.workerRotateToken.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.rotateWorkerToken, args),
    }),
    workerInbox: queryGeneric({
      args: protocol.workerInbox.args,
      returns: protocol.workerInbox.returns,
      handler: async (ctx, args) => await ctx.runQuery(lib.workerInbox, args),
    }),
    workerClaim: mutationGeneric({
      args: protocol.workerClaim.args,
      returns: protocol.workerClaim.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.claim, args),
    }),
    workerHeartbeat: mutationGeneric({
      args: protocol.workerHeartbeat.args,
      returns: protocol.workerHeartbeat.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.heartbeat, args),
    }),
    workerHydrationBundle: queryGeneric({
      args: protocol.workerHydrationBundle.args,
      returns: protocol.workerHydrationBundle.returns,
      handler: async (ctx, args) => await ctx.runQuery(lib.getHydrationBundle, args),
    }),
    workerGlobalSkillsManifest: queryGeneric({
      args: protocol.workerGlobalSkillsManifest.args,
      returns: protocol.workerGlobalSkillsManifest.returns,
      handler: async (ctx, args) => await ctx.runQuery(lib.getWorkerGlobalSkillsManifest, args),
    }),
    workerGenerateMediaUploadUrl: mutationGeneric({
      args: protocol.workerGenerateMediaUploadUrl.args,
      returns: protocol.workerGenerateMediaUploadUrl.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.generateTurnFileUploadUrl, args),
    }),
    workerAddReplyFile: mutationGeneric({
      args: protocol.workerAddReplyFile.args,
      returns: protocol.workerAddReplyFile.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.addTurnFile, args),
    }),
    workerAppendTurnDelta: mutationGeneric({
      args: protocol.workerAppendTurnDelta.args,
      returns: protocol.workerAppendTurnDelta.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.appendTurnDelta, args),
    }),
    workerComplete: mutationGeneric({
      args: protocol.workerComplete.args,
      returns: protocol.workerComplete.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.complete, args),
    }),
    workerFail: mutationGeneric({
      args: protocol.workerFail.args,
      returns: protocol.workerFail.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.fail, args),
    }),
    workerRelease: mutationGeneric({
      args: protocol.workerRelease.args,
      returns: protocol.workerRelease.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.release, args),
    }),
    workerConversationHasQueued: queryGeneric({
      args: protocol.workerConversationHasQueued.args,
      returns: protocol.workerConversationHasQueued.returns,
      handler: async (ctx, args) => await ctx.runQuery(lib.workerConversationHasQueued, args),
    }),
    workerAppendConversationMessages: mutationGeneric({
      args: protocol.workerAppendConversationMessages.args,
      returns: protocol.workerAppendConversationMessages.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.appendConversationMessages, args),
    }),
    workerControlState: queryGeneric({
      args: protocol.workerControlState.args,
      returns: protocol.workerControlState.returns,
      handler: async (ctx, args) => await ctx.runQuery(lib.getWorkerControlState, args),
    }),
    workerPrepareSnapshotUpload: mutationGeneric({
      args: protocol.workerPrepareSnapshotUpload.args,
      returns: protocol.workerPrepareSnapshotUpload.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.prepareDataSnapshotUpload, args),
    }),
    workerFinalizeSnapshotUpload: mutationGeneric({
      args: protocol.workerFinalizeSnapshotUpload.args,
      returns: protocol.workerFinalizeSnapshotUpload.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.finalizeDataSnapshotUpload, args),
    }),
    workerFailSnapshotUpload: mutationGeneric({
      args: protocol.workerFailSnapshotUpload.args,
      returns: protocol.workerFailSnapshotUpload.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.failDataSnapshotUpload, args),
    }),
    workerLatestSnapshotForRestore: queryGeneric({
      args: protocol.workerLatestSnapshotForRestore.args,
      returns: protocol.workerLatestSnapshotForRestore.returns,
      handler: async (ctx, args) => await ctx.runQuery(lib.getLatestDataSnapshotForRestore, args),
    }),
    workerDrained: mutationGeneric({
      args: protocol.workerDrained.args,
      returns: protocol.workerDrained.returns,
      handler: async (ctx, args) => await ctx.runMutation(lib.workerDrained, args),
    }),
  };
}

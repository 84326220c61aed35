/** Registered functions that workers call, with the arguments and results of the worker protocol. */
import { WORKER_PROTOCOL } from "../../shared/worker-protocol.js";
import { MAX_KNOWN_BUNDLES, DEFAULT_RELEASE_CHANNEL } from "../../shared/skills.js";
import { isWithinScope } from "../../shared/scope.js";
import { appendDelta } from "../conversations/stream.js";
import { mutation, query } from "../functions.js";
import { requestCapacity } from "../queue/capacity.js";
import { findLane } from "../queue/head.js";
import { beat, revive } from "../queue/liveness.js";
import { recoverWorkerLeases } from "../queue/recovery.js";
import { requireHeldTurn } from "../queue/held.js";
import { readManifest } from "../skills/manifest.js";
import { currentForRestore } from "../snapshots/current.js";
import { failUpload, finalizeUpload, prepareUpload } from "../snapshots/upload.js";
import { requireIntegerBetween } from "../validation.js";
import { requireReachableWorker, requireWorker } from "./authenticate.js";
import { enroll, rotateToken } from "./enroll.js";
import { moveWorker } from "./fleet.js";
import { hydrateTurn } from "./hydrate.js";
import { readInbox } from "./inbox.js";
import { addReplyFile, generateReplyFileUrl } from "./replyFiles.js";
import { wakeIfWanted } from "./suspension.js";
import { addTurnEntries, claimTurn, completeWorkerTurn, failWorkerTurn, releaseWorkerTurn } from "./turn.js";

const { workerEnroll, workerRotateToken, workerInbox, workerClaim, workerHeartbeat } = WORKER_PROTOCOL;

export const enrollWorker = mutation({
  args: workerEnroll.args,
  returns: workerEnroll.returns,
  handler: async (ctx, args) => await enroll(ctx, args),
});

export const rotateWorkerToken = mutation({
  args: workerRotateToken.args,
  returns: workerRotateToken.returns,
  handler: async (ctx, args) => await rotateToken(ctx, args),
});

export const inbox = query({
  args: workerInbox.args,
  returns: workerInbox.returns,
  handler: async (ctx, args) => await readInbox(ctx, args),
});

export const claim = mutation({
  args: workerClaim.args,
  returns: workerClaim.returns,
  handler: async (ctx, args) => await claimTurn(ctx, args),
});

export const generateTurnFileUploadUrl = mutation({
  args: WORKER_PROTOCOL.workerGenerateMediaUploadUrl.args,
  returns: WORKER_PROTOCOL.workerGenerateMediaUploadUrl.returns,
  handler: async (ctx, args) => await generateReplyFileUrl(ctx, args),
});

export const addTurnFile = mutation({
  args: WORKER_PROTOCOL.workerAddReplyFile.args,
  returns: WORKER_PROTOCOL.workerAddReplyFile.returns,
  handler: async (ctx, args) => await addReplyFile(ctx, args),
});

export const heartbeat = mutation({
  args: workerHeartbeat.args,
  returns: workerHeartbeat.returns,
  handler: async (ctx, args) => {
    const worker = await requireWorker(ctx, args);
    const { workerId, status } = await wakeIfWanted(ctx, worker);
    // It just woke up, and everything it might have thought to hold is lost; or it is to sleep, and holds nothing.
    if (worker.status === "suspended") return status === "suspended";
    if (await beat(ctx, workerId)) return true;
    // First what it has lost goes back, for a revived holder hides its dead leases from the sweep over expired ones.
    const { more } = await recoverWorkerLeases(ctx, workerId);
    if (!more) await revive(ctx, workerId);
    return false;
  },
});

export const getHydrationBundle = query({
  args: WORKER_PROTOCOL.workerHydrationBundle.args,
  returns: WORKER_PROTOCOL.workerHydrationBundle.returns,
  handler: async (ctx, args) => await hydrateTurn(ctx, args),
});

export const getWorkerGlobalSkillsManifest = query({
  args: WORKER_PROTOCOL.workerGlobalSkillsManifest.args,
  returns: WORKER_PROTOCOL.workerGlobalSkillsManifest.returns,
  handler: async (ctx, { releaseChannel, knownBundles = [], ...credentials }) => {
    await requireWorker(ctx, credentials);
    requireIntegerBetween("knownBundles.length", knownBundles.length, 0, MAX_KNOWN_BUNDLES);
    return await readManifest(ctx, releaseChannel ?? DEFAULT_RELEASE_CHANNEL, knownBundles);
  },
});

export const appendTurnDelta = mutation({
  args: WORKER_PROTOCOL.workerAppendTurnDelta.args,
  returns: WORKER_PROTOCOL.workerAppendTurnDelta.returns,
  handler: async (ctx, { offset, text, tools, ...claimed }) => {
    await requireWorker(ctx, claimed);
    const { lease } = await requireHeldTurn(ctx, claimed);
    const turn = { messageId: lease.messageId, generation: lease.generation };
    return { length: await appendDelta(ctx, turn, { offset, text, tools: tools ?? [] }) };
  },
});

export const complete = mutation({
  args: WORKER_PROTOCOL.workerComplete.args,
  returns: WORKER_PROTOCOL.workerComplete.returns,
  handler: async (ctx, args) => await completeWorkerTurn(ctx, args),
});

export const fail = mutation({
  args: WORKER_PROTOCOL.workerFail.args,
  returns: WORKER_PROTOCOL.workerFail.returns,
  handler: async (ctx, args) => await failWorkerTurn(ctx, args),
});

export const release = mutation({
  args: WORKER_PROTOCOL.workerRelease.args,
  returns: WORKER_PROTOCOL.workerRelease.returns,
  handler: async (ctx, args) => await releaseWorkerTurn(ctx, args),
});

export const workerHasQueued = query({
  args: WORKER_PROTOCOL.workerConversationHasQueued.args,
  returns: WORKER_PROTOCOL.workerConversationHasQueued.returns,
  handler: async (ctx, { conversationId, ...credentials }) => {
    const { scope } = await requireWorker(ctx, credentials);
    const lane = await findLane(ctx, conversationId);
    // Only of conversations it may run: a worker learns nothing about other users.
    return lane !== null && lane.queuedCount > 0 && scope !== undefined && isWithinScope(scope, lane);
  },
});

export const appendConversationMessages = mutation({
  args: WORKER_PROTOCOL.workerAppendConversationMessages.args,
  returns: WORKER_PROTOCOL.workerAppendConversationMessages.returns,
  handler: async (ctx, args) => await addTurnEntries(ctx, args),
});

export const getWorkerControlState = query({
  args: WORKER_PROTOCOL.workerControlState.args,
  returns: WORKER_PROTOCOL.workerControlState.returns,
  handler: async (ctx, args) => {
    const { status } = await requireReachableWorker(ctx, args);
    return { shouldStop: status !== "active" && status !== "suspended" };
  },
});

export const prepareDataSnapshotUpload = mutation({
  args: WORKER_PROTOCOL.workerPrepareSnapshotUpload.args,
  returns: WORKER_PROTOCOL.workerPrepareSnapshotUpload.returns,
  handler: async (ctx, { conversationId, generation, reason, ...credentials }) => {
    const { workerId } = await requireWorker(ctx, credentials);
    return await prepareUpload(ctx, { workerId, conversationId, generation, reason });
  },
});

export const finalizeDataSnapshotUpload = mutation({
  args: WORKER_PROTOCOL.workerFinalizeSnapshotUpload.args,
  returns: WORKER_PROTOCOL.workerFinalizeSnapshotUpload.returns,
  handler: async (ctx, { snapshotId, storageId, sha256, sizeBytes, ...credentials }) => {
    const { workerId } = await requireWorker(ctx, credentials);
    return await finalizeUpload(ctx, { workerId, snapshotId, storageId, sha256, sizeBytes });
  },
});

export const failDataSnapshotUpload = mutation({
  args: WORKER_PROTOCOL.workerFailSnapshotUpload.args,
  returns: WORKER_PROTOCOL.workerFailSnapshotUpload.returns,
  handler: async (ctx, { snapshotId, error, ...credentials }) => {
    const { workerId } = await requireWorker(ctx, credentials);
    return await failUpload(ctx, { workerId, snapshotId, error });
  },
});

export const getLatestDataSnapshotForRestore = query({
  args: WORKER_PROTOCOL.workerLatestSnapshotForRestore.args,
  returns: WORKER_PROTOCOL.workerLatestSnapshotForRestore.returns,
  handler: async (ctx, args) => {
    await requireWorker(ctx, args);
    const { lease } = await requireHeldTurn(ctx, args);
    return await currentForRestore(ctx, lease.conversationId);
  },
});

export const drained = mutation({
  args: WORKER_PROTOCOL.workerDrained.args,
  returns: WORKER_PROTOCOL.workerDrained.returns,
  handler: async (ctx, args) => {
    const worker = await requireReachableWorker(ctx, args);
    // What it still holds would otherwise wait for its heartbeat to expire: it has just said that it is leaving.
    if (await moveWorker(ctx, worker.workerId, "drained", "It drained and is about to exit.")) {
      await requestCapacity(ctx, worker.poolKey, Date.now());
    }
    return null;
  },
});

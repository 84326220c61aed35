/** What a worker does with a turn: claims it, hydrates it, ends it. Each call authenticates and acts in one transaction. */
import type { Claim, HydrationBundle, WorkerArgs } from "../../shared/worker-protocol.js";
import { MAX_REPLY_CHARACTERS } from "../../shared/worker-protocol.js";
import { agentFactoryError } from "../../shared/errors.js";
import type { Payload } from "../../shared/payload.js";
import { scopeOf } from "../../shared/scope.js";
import type { Doc } from "../_generated/dataModel.js";
import { findAgent } from "../agents/profile.js";
import {
  addEntries,
  HYDRATION_WINDOW_CHARACTERS,
  HYDRATION_WINDOW_ENTRIES,
  MAX_ADDED_ENTRIES,
  readWindow,
} from "../conversations/transcript.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { claimNext } from "../queue/claim.js";
import { countAddedEntries } from "../queue/leases.js";
import {
  completeTurn,
  failTurn,
  releaseTurn,
  requireHeldTurn,
  type FailureOutcome,
  type Warmth,
} from "../queue/settle.js";
import { commitCheckpoint, currentForRestore } from "../snapshots/current.js";
import { requireWorker } from "./authenticate.js";

/** A batch of tool results; with entries of the largest size still far inside what one transaction may write. */
const MAX_ENTRIES_PER_CALL = 32;

/** @throws `worker_rejected` */
export async function claimTurn(ctx: MutationCtx, args: WorkerArgs<"workerClaim">): Promise<Claim | null> {
  const worker = await requireWorker(ctx, args);
  if (worker.status !== "active") return null;
  const claimed = await claimNext(
    ctx,
    {
      workerId: worker.workerId,
      poolKey: worker.poolKey,
      scope: worker.scope ?? null,
      capacity: worker.capacity,
      runTimeoutMs: worker.runTimeoutMs,
    },
    args.conversationId === undefined ? {} : { conversationId: args.conversationId },
  );
  if (claimed === null) return null;
  const { lease, message, lane, expiresAt } = claimed;
  await ctx.db.patch("workers", worker._id, {
    lastActiveAt: lease.claimedAt,
    // The first claim decides for good whose work this machine does.
    ...(worker.scope === undefined ? { scope: scopeOf(worker.isolation, lane) } : {}),
  });
  return {
    messageId: message._id,
    conversationId: message.conversationId,
    agentKey: message.agentKey,
    leaseId: lease._id,
    generation: lease.generation,
    leaseExpiresAt: expiresAt,
    runTimeoutMs: worker.runTimeoutMs,
    attempt: message.attempts,
    payload: message.payload,
  };
}

/** Everything the turn needs, in one call. @throws `worker_rejected`, `lease_lost` */
export async function hydrateTurn(ctx: QueryCtx, args: WorkerArgs<"workerHydrationBundle">): Promise<HydrationBundle> {
  await requireWorker(ctx, args);
  const { lease, message } = await requireHeldTurn(ctx, args);
  const agent = await findAgent(ctx, message.agentKey);
  if (agent === null) {
    throw agentFactoryError(
      "agent_not_found",
      `Agent "${message.agentKey}" was removed while its message was running.`,
    );
  }
  return {
    messageId: message._id,
    conversationId: message.conversationId,
    agentKey: message.agentKey,
    payload: await withDownloadUrls(ctx, message.payload),
    profile: { version: agent.version, displayName: agent.displayName ?? null },
    conversationState: {
      contextHistory: await readWindow(ctx, message.conversationId, {
        entries: HYDRATION_WINDOW_ENTRIES,
        characters: HYDRATION_WINDOW_CHARACTERS,
        before: lease.generation,
      }),
      pendingToolCalls: [],
    },
    snapshot: await currentForRestore(ctx, message.conversationId),
  };
}

/**
 * Adds entries of the turn's own to its conversation, between question and answer; they are seen when it completes.
 *
 * @throws `worker_rejected`, `lease_lost`, `output_too_large`
 */
export async function addTurnEntries(
  ctx: MutationCtx,
  args: WorkerArgs<"workerAppendConversationMessages">,
): Promise<{ updated: boolean; messageCount: number }> {
  await requireWorker(ctx, args);
  const { lease } = await requireHeldTurn(ctx, args);
  const { messages } = args;
  const before = await countAddedEntries(ctx, lease, messages.length);
  const total = before + messages.length;
  const isTooLong = messages.some(({ content }) => content.length > MAX_REPLY_CHARACTERS);
  if (isTooLong || messages.length > MAX_ENTRIES_PER_CALL || total > MAX_ADDED_ENTRIES) {
    throw agentFactoryError(
      "output_too_large",
      `A turn adds at most ${MAX_ENTRIES_PER_CALL} entries a call, ${MAX_ADDED_ENTRIES} in all, each of at most ${MAX_REPLY_CHARACTERS} characters.`,
      { argument: "messages" },
    );
  }
  const { conversationId, messageId, generation } = lease;
  await addEntries(ctx, { conversationId, messageId, generation }, before, messages);
  return { updated: messages.length > 0, messageCount: total };
}

async function withDownloadUrls(ctx: QueryCtx, payload: Payload): Promise<Payload> {
  if (payload.attachments === undefined) return payload;
  const attachments = [];
  for (const attachment of payload.attachments) {
    const storageId = ctx.db.system.normalizeId("_storage", attachment.storageId);
    const downloadUrl = storageId === null ? null : await ctx.storage.getUrl(storageId);
    attachments.push(
      downloadUrl === null ? { ...attachment, status: "expired" as const } : { ...attachment, downloadUrl },
    );
  }
  return { ...payload, attachments };
}

/**
 * The one fenced transaction that ends a turn: before it nothing happened, after it nothing can be lost.
 *
 * @throws `worker_rejected`, `lease_lost`, `already_completed`, `snapshot_rejected`, `output_too_large`
 */
export async function completeWorkerTurn(ctx: MutationCtx, args: WorkerArgs<"workerComplete">): Promise<true> {
  const worker = await requireWorker(ctx, args);
  if (args.reply.length > MAX_REPLY_CHARACTERS) {
    throw agentFactoryError("output_too_large", `A reply has at most ${MAX_REPLY_CHARACTERS} characters.`, {
      argument: "reply",
    });
  }
  const { reply, usage, snapshotId } = args;
  const result = {
    reply,
    ...(usage === undefined ? {} : { usage }),
    ...(snapshotId === undefined ? {} : { snapshotId }),
  };
  const completed = await completeTurn(ctx, args, result, warmthOf(worker));
  if (completed === null) return true;
  if (snapshotId !== undefined) {
    await commitCheckpoint(ctx, {
      workerId: worker.workerId,
      snapshotId,
      conversationId: completed.lease.conversationId,
      generation: completed.lease.generation,
    });
  }
  // With a message behind, the claim that follows at once says that the worker is busy.
  if (!completed.isFollowed) await touch(ctx, worker);
  return true;
}

/** @throws `worker_rejected`, `lease_lost` */
export async function failWorkerTurn(ctx: MutationCtx, args: WorkerArgs<"workerFail">): Promise<FailureOutcome> {
  const worker = await requireWorker(ctx, args);
  const outcome = await failTurn(ctx, args, {
    errorMessage: args.errorMessage,
    retryable: args.retryable ?? true,
    warmth: warmthOf(worker),
  });
  await touch(ctx, worker);
  return outcome;
}

/** @throws `worker_rejected`, `lease_lost` */
export async function releaseWorkerTurn(ctx: MutationCtx, args: WorkerArgs<"workerRelease">): Promise<true> {
  await requireWorker(ctx, args);
  await releaseTurn(ctx, args);
  return true;
}

function warmthOf(worker: Doc<"workers">): Warmth {
  return worker.status === "active" ? "warm" : "leaving";
}

/** Idleness is counted from here. */
async function touch(ctx: MutationCtx, worker: Doc<"workers">): Promise<void> {
  await ctx.db.patch("workers", worker._id, { lastActiveAt: Date.now() });
}

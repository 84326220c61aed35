/** What a worker does with a turn: claims it, adds to it, ends it. Each call authenticates and acts in one transaction. */
import type { Claim, FailureOutcome, WorkerArgs } from "../../shared/worker-protocol.js";
import { MAX_REPLY_CHARACTERS } from "../../shared/worker-protocol.js";
import { agentFactoryError } from "../../shared/errors.js";
import type { Usage } from "../../shared/payload.js";
import { scopeOf } from "../../shared/scope.js";
import type { Doc } from "../_generated/dataModel.js";
import { addEntries, MAX_ADDED_ENTRIES } from "../conversations/transcript.js";
import type { MutationCtx } from "../functions.js";
import { claimNext } from "../queue/claim.js";
import { countAddedEntries } from "../queue/leases.js";
import { completeTurn } from "../queue/complete.js";
import type { Warmth } from "../queue/ending.js";
import { failTurn } from "../queue/fail.js";
import { requireHeldTurn } from "../queue/held.js";
import { releaseTurn } from "../queue/release.js";
import { commitCheckpoint } from "../snapshots/current.js";
import { requireWorker } from "./authenticate.js";
import { wakeIfWanted } from "./suspension.js";

/** A batch of tool results; with entries of the largest size still far inside what one transaction may write. */
const MAX_ENTRIES_PER_CALL = 32;

/** @throws `worker_rejected` */
export async function claimTurn(ctx: MutationCtx, args: WorkerArgs<"workerClaim">): Promise<Claim | null> {
  const worker = await wakeIfWanted(ctx, await requireWorker(ctx, args));
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
    {
      ...(args.conversationId === undefined ? {} : { conversationId: args.conversationId }),
      ...(args.knownLeaseIds === undefined ? {} : { knownLeaseIds: args.knownLeaseIds }),
    },
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

/**
 * The one fenced transaction that ends a turn: before it nothing happened, after it nothing can be lost.
 *
 * @throws `worker_rejected`, `lease_lost`, `already_completed`, `snapshot_rejected`, `output_too_large`, `invalid_argument`
 */
export async function completeWorkerTurn(ctx: MutationCtx, args: WorkerArgs<"workerComplete">): Promise<true> {
  const worker = await requireWorker(ctx, args);
  if (args.reply.length > MAX_REPLY_CHARACTERS) {
    throw agentFactoryError("output_too_large", `A reply has at most ${MAX_REPLY_CHARACTERS} characters.`, {
      argument: "reply",
    });
  }
  const { reply, usage, snapshotId } = args;
  requireUsage(usage);
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

/** What is counted must count up: a negative number would buy back what was spent. */
function requireUsage({ inputTokens = 0, outputTokens = 0, costUsd = 0 }: Partial<Usage> = {}): void {
  if ([inputTokens, outputTokens, costUsd].every((spent) => Number.isFinite(spent) && spent >= 0)) return;
  throw agentFactoryError("invalid_argument", "usage must be numbers from 0 on.", { argument: "usage" });
}

/** @throws `worker_rejected`, `lease_lost` */
export async function failWorkerTurn(ctx: MutationCtx, args: WorkerArgs<"workerFail">): Promise<FailureOutcome> {
  const worker = await requireWorker(ctx, args);
  const { errorMessage, errorKind, retryable, retryAfterMs } = args;
  const outcome = await failTurn(ctx, args, {
    kind: errorKind ?? "unknown",
    message: errorMessage,
    ...(retryable === undefined ? {} : { retryable }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
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

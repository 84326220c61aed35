/** Takes back what dead workers and endless turns hold, and wakes lanes whose time has come; in bounded batches, off the claim path. */
import type { FailureOutcome } from "../../shared/worker-protocol.js";
import { internal } from "../_generated/api.js";
import type { Doc } from "../_generated/dataModel.js";
import { isHalfSpent } from "../budget.js";
import type { MutationCtx } from "../functions.js";
import { requestCapacity } from "./capacity.js";
import { count } from "./counters.js";
import type { Failure } from "./ending.js";
import { endFailedTurn } from "./fail.js";
import { advanceLane, findHead, requireLane } from "./head.js";
import { ANY_WORKER } from "./lane.js";
import { findHolder, isLeaseAlive, liveWarmWorker } from "./liveness.js";

/** Rows one batch looks at; a batch of large ones ends earlier, when half of its transaction is used. */
const BATCH = 100;
/** A lease whose recovery fails is a defect somebody has to look at; until then it costs one try in ten minutes. */
export const POISON_RETRY_MS = 10 * 60_000;

const LOST: Failure = { kind: "worker_lost", message: "The worker that ran this message was lost." };
const OVERDUE: Failure = { kind: "timeout", message: "The turn took longer than its deadline." };

export type RecoveryReport = { requeued: number; deadLettered: number; more: boolean };

/** Ends the dead leases of one worker. Its holder row decides which are dead. */
export async function recoverWorkerLeases(ctx: MutationCtx, workerId: string): Promise<RecoveryReport> {
  const holder = await findHolder(ctx, workerId);
  const leases = await ctx.db
    .query("leases")
    .withIndex("by_worker", (range) => range.eq("workerId", workerId))
    .take(BATCH);
  const report = { requeued: 0, deadLettered: 0, more: leases.length === BATCH };
  const now = Date.now();
  for (const lease of leases) {
    if (isLeaseAlive(lease, holder, now)) continue;
    if (await isHalfSpent(ctx)) return { ...report, more: true };
    await recoverInto(report, ctx, lease, now);
  }
  return report;
}

/** One batch over the pool: holders that stopped beating, then turns past their run deadline. */
export async function recoverExpired(ctx: MutationCtx, poolKey: string): Promise<RecoveryReport> {
  const now = Date.now();
  const report: RecoveryReport = { requeued: 0, deadLettered: 0, more: false };
  const holders = await ctx.db
    .query("leaseHolders")
    .withIndex("by_expiry", (range) => range.eq("poolKey", poolKey).eq("state", "live").lte("expiresAt", now))
    .take(BATCH);
  for (const holder of holders) {
    const part = await recoverWorkerLeases(ctx, holder.workerId);
    report.requeued += part.requeued;
    report.deadLettered += part.deadLettered;
    if (part.more) return { ...report, more: true };
    // Lapsed means: expired and nothing left to take back, so the next batch does not look at it again.
    await ctx.db.patch("leaseHolders", holder._id, { state: "lapsed" });
    if (report.requeued + report.deadLettered >= BATCH) return { ...report, more: true };
  }
  const overdue = await ctx.db
    .query("leases")
    .withIndex("by_sweep", (range) => range.eq("poolKey", poolKey).lte("sweepAt", now))
    .take(BATCH);
  for (const lease of overdue) {
    if (await isHalfSpent(ctx)) return { ...report, more: true };
    await recoverInto(report, ctx, lease, now);
  }
  return { ...report, more: holders.length === BATCH || overdue.length === BATCH };
}

/**
 * Recovers one lease in a transaction of its own within this one: one that cannot be recovered is put off, or it would
 * stop the sweep for everybody, batch after batch.
 */
async function recoverInto(
  report: { requeued: number; deadLettered: number },
  ctx: MutationCtx,
  lease: Doc<"leases">,
  now: number,
): Promise<void> {
  try {
    const outcome: FailureOutcome | null = await ctx.runMutation(internal.queue.internal.recoverLease, {
      leaseId: lease._id,
    });
    if (outcome?.deadLettered === true) report.deadLettered += 1;
    if (outcome?.requeued === true) report.requeued += 1;
  } catch (error) {
    ctx.log.error("queue.recovery_failed", { leaseId: lease._id, messageId: lease.messageId, error: String(error) });
    await ctx.db.patch("leases", lease._id, { sweepAt: now + POISON_RETRY_MS });
  }
}

/** Ends one lease that is dead; `null` when it is not, or when there is no message left to try again. */
export async function recoverLease(ctx: MutationCtx, lease: Doc<"leases">): Promise<FailureOutcome | null> {
  const now = Date.now();
  if (isLeaseAlive(lease, await findHolder(ctx, lease.workerId), now)) return null;
  const message = await ctx.db.get("messages", lease.messageId);
  if (message === null) {
    await dropLease(ctx, lease);
    return null;
  }
  const failure = now >= lease.runDeadlineAt ? OVERDUE : LOST;
  return await endFailedTurn(ctx, lease, message, { ...failure, warmth: "cold" });
}

/** A lease of a message that an operator has deleted: its conversation goes on. */
async function dropLease(ctx: MutationCtx, lease: Doc<"leases">): Promise<void> {
  await ctx.db.delete("leases", lease._id);
  const lane = await requireLane(ctx, lease.laneId);
  const head = await findHead(ctx, lane.conversationId);
  const deltas = await advanceLane(ctx, lane, { head, queuedCount: lane.queuedCount });
  await count(ctx, lane, lease._id, { ...deltas, processing: -1 });
}

/** Opens reservations that nobody came for and readies delayed heads that are due. True when more may be waiting. */
export async function wakeDueLanes(ctx: MutationCtx, poolKey: string): Promise<boolean> {
  const now = Date.now();
  const due = await ctx.db
    .query("lanes")
    .withIndex("by_wake", (range) => range.eq("poolKey", poolKey).gt("wakeAt", 0).lte("wakeAt", now))
    .take(BATCH);
  for (const lane of due) {
    if (await isHalfSpent(ctx)) return true;
    if (lane.state === "ready") {
      await ctx.db.patch("lanes", lane._id, { audience: ANY_WORKER, wakeAt: undefined });
      await requestCapacity(ctx, poolKey, now);
    } else if (lane.state === "delayed") {
      const head = await findHead(ctx, lane.conversationId);
      const warmWorkerId = await liveWarmWorker(ctx, lane);
      const deltas = await advanceLane(ctx, lane, { head, queuedCount: lane.queuedCount, warmWorkerId });
      await count(ctx, lane, lane._id, deltas);
    } else {
      await ctx.db.patch("lanes", lane._id, { wakeAt: undefined });
    }
  }
  return due.length === BATCH;
}

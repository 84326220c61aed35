/** Takes back what dead workers and endless turns hold, and wakes lanes whose time has come; in bounded batches, off the claim path. */
import type { Doc } from "../_generated/dataModel.js";
import { isHalfSpent } from "../budget.js";
import type { MutationCtx } from "../functions.js";
import { count } from "./counters.js";
import { ANY_WORKER } from "./lane.js";
import { advanceLane, findHead } from "./head.js";
import { findHolder, isLeaseAlive, liveWarmWorker } from "./liveness.js";
import { endFailedTurn } from "./settle.js";

/** Rows one batch looks at; a batch of large ones ends earlier, when half of its transaction is used. */
const BATCH = 100;

export type RecoveryReport = { requeued: number; deadLettered: number; more: boolean };

/** Ends the dead leases of one worker. Its holder row decides which are dead. */
export async function recoverWorkerLeases(ctx: MutationCtx, workerId: string): Promise<RecoveryReport> {
  const holder = await findHolder(ctx, workerId);
  const leases = await ctx.db
    .query("leases")
    .withIndex("by_worker", (range) => range.eq("workerId", workerId))
    .take(BATCH);
  const report = { requeued: 0, deadLettered: 0, more: leases.length === BATCH };
  for (const lease of leases) {
    if (isLeaseAlive(lease, holder, Date.now())) continue;
    if (await isHalfSpent(ctx)) return { ...report, more: true };
    tally(report, await expireLease(ctx, lease, "The worker that ran this message was lost."));
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
    .withIndex("by_run_deadline", (range) => range.eq("poolKey", poolKey).lte("runDeadlineAt", now))
    .take(BATCH);
  for (const lease of overdue) {
    if (await isHalfSpent(ctx)) return { ...report, more: true };
    tally(report, await expireLease(ctx, lease, "The turn took longer than its deadline."));
  }
  return { ...report, more: holders.length === BATCH || overdue.length === BATCH };
}

async function expireLease(ctx: MutationCtx, lease: Doc<"leases">, errorMessage: string) {
  const message = await ctx.db.get("messages", lease.messageId);
  if (message === null) throw new Error(`Message of a lease not found: ${lease.messageId}`);
  return await endFailedTurn(ctx, lease, message, { errorMessage, retryable: true, warmth: "cold" });
}

function tally(report: RecoveryReport, outcome: { deadLettered: boolean }): void {
  if (outcome.deadLettered) report.deadLettered += 1;
  else report.requeued += 1;
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
    } else if (lane.state === "delayed") {
      const head = await findHead(ctx, lane.conversationId);
      const warmWorkerId = await liveWarmWorker(ctx, lane);
      const deltas = await advanceLane(ctx, lane, { head, queuedCount: lane.queuedCount, warmWorkerId });
      await count(ctx, poolKey, lane._id, deltas);
    } else {
      await ctx.db.patch("lanes", lane._id, { wakeAt: undefined });
    }
  }
  return due.length === BATCH;
}

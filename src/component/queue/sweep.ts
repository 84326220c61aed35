/** What the queue's loop does: it recovers what died and wakes what is due, a bounded batch at a time. */
import type { Infer } from "convex/values";
import type { vSweepState } from "../../shared/views.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { earliestDeadline } from "./deadlines.js";
import { recoverExpired, wakeDueLanes, type RecoveryReport } from "./recovery.js";

/**
 * What is overdue by this much is not merely waiting for its turn: the loop's own watchdog restarts it after a minute, so
 * it has been tried again at least once and got nowhere.
 */
export const WEDGED_AFTER_MS = 2 * 60_000;
/** The loop looks again after this long at the latest while anything may come due, whatever it has been told. */
const MAX_SLEEP_MS = 60_000;

export type NextSweep = { batch: { poolKey: string } } | { kind: "idle"; cooldownMs: number; timeoutMs?: number };

/** Whether there is something to do now, and when to look again if not. */
export async function nextSweep(ctx: QueryCtx, poolKey: string): Promise<NextSweep> {
  const now = Date.now();
  const deadline = await earliestDeadline(ctx, poolKey);
  if (deadline === null) return { kind: "idle", cooldownMs: 0 };
  if (deadline <= now) return { batch: { poolKey } };
  return { kind: "idle", cooldownMs: 0, timeoutMs: Math.min(deadline - now, MAX_SLEEP_MS) };
}

/** One batch of everything the clock has made due. */
export async function sweepOnce(ctx: MutationCtx, poolKey: string): Promise<RecoveryReport> {
  const moreLanes = await wakeDueLanes(ctx, poolKey);
  const report = await recoverExpired(ctx, poolKey);
  return { ...report, more: report.more || moreLanes };
}

export type SweepState = Infer<typeof vSweepState>;

/** Tells a loop that has nothing to do from one that gets nowhere, by what it leaves undone. */
export function sweepState(overdueSince: number | null, now: number): SweepState {
  if (overdueSince === null) return "idle";
  return now - overdueSince < WEDGED_AFTER_MS ? "working" : "wedged";
}

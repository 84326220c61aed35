/** The circuit breaker's two changes that are not the end of a run: one run begins to ask for all, or an operator has changed something. */
import type { MutationCtx } from "../functions.js";
import { requestCapacity } from "../queue/capacity.js";
import { CLOSED, closed, mayAsk, probing } from "./breaker.js";
import { findRun } from "./observe.js";
import { RUN_DEADLINE_MS } from "./run.js";

/** False when another run has been quicker, or the provider is not to be asked yet. */
export async function beginProbe(ctx: MutationCtx, poolKey: string): Promise<boolean> {
  const now = Date.now();
  const run = await findRun(ctx, poolKey);
  if (run === null || mayAsk(run.breaker ?? CLOSED, now) !== "as_probe") return false;
  const until = now + RUN_DEADLINE_MS;
  await ctx.db.patch("poolRuns", run._id, { breaker: probing(run.breaker ?? CLOSED, now, until) });
  // Should the action die now, this is what notices.
  await requestCapacity(ctx, poolKey, until);
  return true;
}

/** Somebody has stored another token or configuration: whatever was wrong is tried again at once, as if for the first time. */
export async function noteChange(ctx: MutationCtx, poolKey: string): Promise<void> {
  const run = await findRun(ctx, poolKey);
  if (run !== null) {
    const breaker = closed(run.breaker ?? CLOSED, "changed", Date.now());
    await ctx.db.patch("poolRuns", run._id, { breaker, consecutiveFailures: 0 });
  }
  await requestCapacity(ctx, poolKey, Date.now(), { anew: true });
}

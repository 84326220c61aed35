/** The ready set as the pool sees it: conversations whose head may run now. */
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";

/** In no particular order; reserved ones included, since somebody has to serve them. */
export async function readReadyLanes(ctx: QueryCtx, poolKey: string, limit: number): Promise<Doc<"lanes">[]> {
  return await ctx.db
    .query("lanes")
    .withIndex("by_claimable", (range) => range.eq("poolKey", poolKey).eq("state", "ready"))
    .take(limit);
}

/** True when the clock has made something due that `wakeDueLanes` or `recoverExpired` would act upon. */
export async function isSweepDue(ctx: QueryCtx, poolKey: string, now: number): Promise<boolean> {
  const lane = await ctx.db
    .query("lanes")
    .withIndex("by_wake", (range) => range.eq("poolKey", poolKey).gt("wakeAt", 0).lte("wakeAt", now))
    .first();
  if (lane !== null) return true;
  const holder = await ctx.db
    .query("leaseHolders")
    .withIndex("by_expiry", (range) => range.eq("poolKey", poolKey).eq("state", "live").lte("expiresAt", now))
    .first();
  if (holder !== null) return true;
  const lease = await ctx.db
    .query("leases")
    .withIndex("by_sweep", (range) => range.eq("poolKey", poolKey).lte("sweepAt", now))
    .first();
  return lease !== null;
}

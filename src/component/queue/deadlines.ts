/** What the clock makes due in the queue: a lease whose worker is silent, a turn that takes too long, a lane that waits. */
import type { QueryCtx } from "../functions.js";

/** The earliest of all deadlines of the pool, past or to come; `null` when nothing waits for the clock. */
export async function earliestDeadline(ctx: QueryCtx, poolKey: string): Promise<number | null> {
  const lane = await ctx.db
    .query("lanes")
    .withIndex("by_wake", (range) => range.eq("poolKey", poolKey).gt("wakeAt", 0))
    .first();
  const holder = await ctx.db
    .query("leaseHolders")
    .withIndex("by_expiry", (range) => range.eq("poolKey", poolKey).eq("state", "live"))
    .first();
  const lease = await ctx.db
    .query("leases")
    .withIndex("by_sweep", (range) => range.eq("poolKey", poolKey))
    .first();
  const deadlines = [lane?.wakeAt, holder?.expiresAt, lease?.sweepAt].filter((at) => at !== undefined);
  return deadlines.length === 0 ? null : Math.min(...deadlines);
}

/** Since when something of the pool is overdue, `null` when nothing is. */
export async function overdueSince(ctx: QueryCtx, poolKey: string, now: number): Promise<number | null> {
  const deadline = await earliestDeadline(ctx, poolKey);
  return deadline !== null && deadline <= now ? deadline : null;
}

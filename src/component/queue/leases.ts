/** The leases a worker holds, and what a running turn has added to its conversation. */
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

/** At most `limit`; a worker never holds more than its capacity. */
export async function leasesOfWorker(ctx: QueryCtx, workerId: string, limit: number): Promise<Doc<"leases">[]> {
  return await ctx.db
    .query("leases")
    .withIndex("by_worker", (range) => range.eq("workerId", workerId))
    .take(limit);
}

/** Counts entries the turn adds; returns how many it had added before. */
export async function countAddedEntries(ctx: MutationCtx, lease: Doc<"leases">, added: number): Promise<number> {
  const before = lease.addedEntries ?? 0;
  if (added > 0) await ctx.db.patch("leases", lease._id, { addedEntries: before + added });
  return before;
}

/** Reads the leases a worker holds. */
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";

/** At most `limit`; a worker never holds more than its capacity. */
export async function leasesOfWorker(ctx: QueryCtx, workerId: string, limit: number): Promise<Doc<"leases">[]> {
  return await ctx.db
    .query("leases")
    .withIndex("by_worker", (range) => range.eq("workerId", workerId))
    .take(limit);
}

/** How long the rows of stopped workers live. */
import type { MutationCtx } from "../functions.js";

/** A week: long enough to look into an incident, short enough that no list grows with the age of a deployment. */
export const STOPPED_WORKER_RETENTION_MS = 7 * 24 * 60 * 60_000;

/** Deletes the longest stopped ones; returns how many. */
export async function deleteStoppedWorkers(ctx: MutationCtx, limit: number): Promise<number> {
  const expired = await ctx.db
    .query("workers")
    .withIndex("by_stopped", (range) =>
      range.gt("stoppedAt", 0).lte("stoppedAt", Date.now() - STOPPED_WORKER_RETENTION_MS),
    )
    .take(limit);
  for (const worker of expired) await ctx.db.delete("workers", worker._id);
  return expired.length;
}

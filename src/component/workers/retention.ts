/** How long the rows of stopped workers, and the story of the fleet, live. */
import type { MutationCtx } from "../functions.js";
import { removeHolder } from "../queue/liveness.js";

/** A week: long enough to look into an incident, short enough that no list grows with the age of a deployment. */
export const STOPPED_WORKER_RETENTION_MS = 7 * 24 * 60 * 60_000;

/** Deletes the longest stopped ones and what is told of that time; `more` when some may be left. */
export async function deleteStoppedWorkers(
  ctx: MutationCtx,
  limit: number,
): Promise<{ deleted: number; more: boolean }> {
  const expired = await ctx.db
    .query("workers")
    .withIndex("by_stopped", (range) =>
      range.gt("stoppedAt", 0).lte("stoppedAt", Date.now() - STOPPED_WORKER_RETENTION_MS),
    )
    .take(limit);
  for (const worker of expired) {
    // A worker that was gone before all its leases were taken back has left its holder to the sweep.
    await removeHolder(ctx, worker.workerId);
    await ctx.db.delete("workers", worker._id);
  }
  const events = await ctx.db
    .query("fleetEvents")
    .withIndex("by_creation_time", (range) => range.lte("_creationTime", Date.now() - STOPPED_WORKER_RETENTION_MS))
    .take(limit);
  for (const event of events) await ctx.db.delete("fleetEvents", event._id);
  return { deleted: expired.length, more: expired.length === limit || events.length === limit };
}

/** How long replaced, failed and abandoned snapshots live; removes them with their files. */
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx } from "../functions.js";
import { findPointer } from "./current.js";

/** A replaced snapshot stays this long: a restore that began before must be able to end. */
export const REPLACED_SNAPSHOT_RETENTION_MS = 60 * 60_000;

/**
 * Deletes expired snapshots, never a current one; `more` when some may be left.
 *
 * Every snapshot comes due once, a while after its upload began. One that is current then stays, and takes the place of
 * all older ones of its conversation; any other goes, though not before it has been replaced for long enough.
 */
export async function deleteExpiredSnapshots(
  ctx: MutationCtx,
  limit: number,
): Promise<{ deleted: number; more: boolean }> {
  const now = Date.now();
  const due = await ctx.db
    .query("snapshots")
    .withIndex("by_expiry", (range) => range.gt("expiresAt", 0).lte("expiresAt", now))
    .take(limit);
  let deleted = 0;
  for (const snapshot of due) {
    const pointer = await findPointer(ctx, snapshot.conversationId);
    const safeAt = (pointer?.committedAt ?? 0) + REPLACED_SNAPSHOT_RETENTION_MS;
    if (safeAt > now) {
      await ctx.db.patch("snapshots", snapshot._id, { expiresAt: safeAt });
    } else if (pointer?.snapshotId !== snapshot._id) {
      await remove(ctx, snapshot);
      deleted += 1;
    } else {
      const older = await olderSnapshots(ctx, snapshot, limit - deleted);
      for (const replaced of older) await remove(ctx, replaced);
      deleted += older.length;
      // With the batch full it stays due, and the next one goes on with what is older.
      if (deleted >= limit) return { deleted, more: true };
      await ctx.db.patch("snapshots", snapshot._id, { expiresAt: undefined });
    }
  }
  return { deleted, more: due.length === limit };
}

/** Finished ones of the same conversation that were current before it, and have come due already. */
async function olderSnapshots(ctx: MutationCtx, current: Doc<"snapshots">, limit: number): Promise<Doc<"snapshots">[]> {
  return await ctx.db
    .query("snapshots")
    .withIndex("by_expiry", (range) =>
      range
        .eq("expiresAt", undefined)
        .eq("conversationId", current.conversationId)
        .lte("generation", current.generation),
    )
    .take(limit);
}

async function remove(ctx: MutationCtx, { _id, storageId }: Doc<"snapshots">): Promise<void> {
  await deleteFile(ctx, storageId);
  await ctx.db.delete("snapshots", _id);
}

/** Deleting a file that is gone already throws, and one such row would stop every sweep after it. */
async function deleteFile(ctx: MutationCtx, storageId: Id<"_storage"> | undefined): Promise<void> {
  if (storageId === undefined || (await ctx.db.system.get("_storage", storageId)) === null) return;
  await ctx.storage.delete(storageId);
}

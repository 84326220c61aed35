/** How long replaced, failed and abandoned snapshots live; removes them with their files. */
import type { Id } from "../_generated/dataModel.js";
import type { MutationCtx } from "../functions.js";
import { findPointer } from "./current.js";

/** Deletes expired snapshots, never a current one; `more` when some may be left. */
export async function deleteExpiredSnapshots(
  ctx: MutationCtx,
  limit: number,
): Promise<{ deleted: number; more: boolean }> {
  const expired = await ctx.db
    .query("snapshots")
    .withIndex("by_expiry", (range) => range.gt("expiresAt", 0).lte("expiresAt", Date.now()))
    .take(limit);
  let deleted = 0;
  for (const snapshot of expired) {
    const pointer = await findPointer(ctx, snapshot.conversationId);
    if (pointer?.snapshotId === snapshot._id) {
      // It became current since it was uploaded. Its expiry is set again when it is replaced.
      await ctx.db.patch("snapshots", snapshot._id, { expiresAt: undefined });
      continue;
    }
    await deleteFile(ctx, snapshot.storageId);
    await ctx.db.delete("snapshots", snapshot._id);
    deleted += 1;
  }
  return { deleted, more: expired.length === limit };
}

/** Deleting a file that is gone already throws, and one such row would stop every sweep after it. */
async function deleteFile(ctx: MutationCtx, storageId: Id<"_storage"> | undefined): Promise<void> {
  if (storageId === undefined || (await ctx.db.system.get("_storage", storageId)) === null) return;
  await ctx.storage.delete(storageId);
}

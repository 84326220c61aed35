/** How long replaced, failed and abandoned snapshots live; removes them with their files. */
import type { MutationCtx } from "../functions.js";
import { findPointer } from "./current.js";

/** Deletes expired snapshots, never a current one; returns how many. */
export async function deleteExpiredSnapshots(ctx: MutationCtx, limit: number): Promise<number> {
  const expired = await ctx.db
    .query("snapshots")
    .withIndex("by_expiry", (range) => range.gt("expiresAt", 0).lte("expiresAt", Date.now()))
    .take(limit);
  for (const snapshot of expired) {
    const pointer = await findPointer(ctx, snapshot.conversationId);
    if (pointer?.snapshotId === snapshot._id) {
      await ctx.db.patch("snapshots", snapshot._id, { expiresAt: undefined });
      continue;
    }
    if (snapshot.storageId !== undefined) await ctx.storage.delete(snapshot.storageId);
    await ctx.db.delete("snapshots", snapshot._id);
  }
  return expired.length;
}

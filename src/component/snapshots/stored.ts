/** What a worker has uploaded, and whether that can be had back: for whoever is about to throw the worker's disk away. */
import type { QueryCtx } from "../functions.js";
import { findPointer } from "./current.js";

export type Upload = {
  conversationId: string;
  /** The next turn of the conversation starts from it. */
  isCurrent: boolean;
  /** Its file is in the storage, as large as it was sent. */
  isStored: boolean;
};

/** A page of uploads in the order they were begun; `after` and `next` are times of creation, `next` is `null` at the end. */
export async function readUploads(
  ctx: QueryCtx,
  workerId: string,
  { after, limit }: { after: number; limit: number },
): Promise<{ uploads: Upload[]; next: number | null }> {
  const snapshots = await ctx.db
    .query("snapshots")
    .withIndex("by_worker", (range) => range.eq("workerId", workerId).gt("_creationTime", after))
    .take(limit);
  const uploads: Upload[] = [];
  for (const { _id, conversationId, storageId, sizeBytes } of snapshots) {
    const isCurrent = (await findPointer(ctx, conversationId))?.snapshotId === _id;
    const file = isCurrent && storageId !== undefined ? await ctx.db.system.get("_storage", storageId) : null;
    uploads.push({ conversationId, isCurrent, isStored: file !== null && file.size === sizeBytes });
  }
  return { uploads, next: snapshots.length < limit ? null : (snapshots.at(-1)?._creationTime ?? null) };
}

/** Snapshots of a conversation, for views. */
import type { SnapshotView } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";
import { findPointer } from "./current.js";

/** Newest first. */
export async function listSnapshotViews(ctx: QueryCtx, conversationId: string, limit: number): Promise<SnapshotView[]> {
  const snapshots = await ctx.db
    .query("snapshots")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .order("desc")
    .take(limit);
  return await Promise.all(snapshots.map((snapshot) => snapshotView(ctx, snapshot)));
}

/** The one a new machine would restore. */
export async function currentSnapshotView(ctx: QueryCtx, conversationId: string): Promise<SnapshotView | null> {
  const pointer = await findPointer(ctx, conversationId);
  const snapshot = pointer === null ? null : await ctx.db.get("snapshots", pointer.snapshotId);
  return snapshot === null ? null : await snapshotView(ctx, snapshot);
}

async function snapshotView(ctx: QueryCtx, snapshot: Doc<"snapshots">): Promise<SnapshotView> {
  return {
    snapshotId: snapshot._id,
    createdAt: snapshot.createdAt,
    sizeBytes: snapshot.sizeBytes ?? null,
    sha256: snapshot.sha256 ?? null,
    downloadUrl: snapshot.storageId === undefined ? null : await ctx.storage.getUrl(snapshot.storageId),
    status: snapshot.status,
    conversationId: snapshot.conversationId,
  };
}

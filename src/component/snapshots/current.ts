/** The pointer to a conversation's newest workspace; the only writer of `currentSnapshots`. It moves forward or not at all. */
import { agentFactoryError } from "../../shared/errors.js";
import type { SnapshotForRestore } from "../../shared/worker-protocol.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

export async function findPointer(ctx: QueryCtx, conversationId: string): Promise<Doc<"currentSnapshots"> | null> {
  return await ctx.db
    .query("currentSnapshots")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .unique();
}

/** Makes a finished upload current, as part of the transaction that completes its turn. @throws `snapshot_rejected` */
export async function commitCheckpoint(
  ctx: MutationCtx,
  commit: { workerId: string; snapshotId: string; conversationId: string; generation: number },
): Promise<void> {
  const id = ctx.db.normalizeId("snapshots", commit.snapshotId);
  const snapshot = id === null ? null : await ctx.db.get("snapshots", id);
  if (
    snapshot === null ||
    snapshot.status !== "ready" ||
    snapshot.workerId !== commit.workerId ||
    snapshot.conversationId !== commit.conversationId ||
    snapshot.generation !== commit.generation
  ) {
    throw snapshotRejected("It is not a finished upload of this very turn.");
  }
  await movePointer(ctx, snapshot);
}

/**
 * Writes the pointer and nothing else: what becomes of the snapshot that was current, the sweep sees for itself.
 *
 * @throws `snapshot_rejected` for an upload older than the current one
 */
export async function movePointer(ctx: MutationCtx, snapshot: Doc<"snapshots">): Promise<void> {
  const pointer = await findPointer(ctx, snapshot.conversationId);
  const next = { snapshotId: snapshot._id, generation: snapshot.generation, committedAt: Date.now() };
  if (pointer === null) {
    await ctx.db.insert("currentSnapshots", { conversationId: snapshot.conversationId, ...next });
  } else {
    if (pointer.snapshotId === snapshot._id) return;
    if (pointer.generation > snapshot.generation) throw snapshotRejected("A newer turn has committed its own.");
    await ctx.db.patch("currentSnapshots", pointer._id, next);
  }
}

/** Only ever this conversation's own. */
export async function currentForRestore(ctx: QueryCtx, conversationId: string): Promise<SnapshotForRestore | null> {
  const pointer = await findPointer(ctx, conversationId);
  if (pointer === null) return null;
  const snapshot = await ctx.db.get("snapshots", pointer.snapshotId);
  if (
    snapshot === null ||
    snapshot.storageId === undefined ||
    snapshot.sha256 === undefined ||
    snapshot.sizeBytes === undefined
  ) {
    throw new Error(`The current snapshot is incomplete: ${pointer.snapshotId}`);
  }
  const downloadUrl = await ctx.storage.getUrl(snapshot.storageId);
  if (downloadUrl === null) {
    throw snapshotRejected(`The file of the current snapshot ${snapshot._id} is missing from storage.`);
  }
  return {
    snapshotId: snapshot._id,
    downloadUrl,
    sha256: snapshot.sha256,
    sizeBytes: snapshot.sizeBytes,
    createdAt: snapshot.createdAt,
  };
}

export function snapshotRejected(why: string) {
  return agentFactoryError("snapshot_rejected", `The snapshot was not accepted. ${why}`, { argument: "snapshotId" });
}

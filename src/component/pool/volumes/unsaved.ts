/** Whether anything would be lost with a worker's disk. */
import type { QueryCtx } from "../../functions.js";
import { leasesOfWorker } from "../../queue/leases.js";
import { readUploads, type Upload } from "../../snapshots/stored.js";

/** Snapshots looked at per call, three documents each. */
const PAGE = 100;

export type Contents = {
  /** The worker holds a lease that nobody has ended yet. */
  hasOpenTurn: boolean;
  uploads: Upload[];
};

/**
 * The conversations of which the disk may hold what exists nowhere else, `null` while that cannot be said. Pure.
 *
 * A turn that completed has moved its conversation's pointer in the same transaction: what it changed is in the current
 * snapshot, or in what newer ones were made from. A turn that failed, was released or lost its lease is run again from that
 * snapshot, and what it has left on the disk must never be used. So a disk has something of its own only as long as a turn is
 * open, and where the file of a snapshot that it made, and that is current, cannot be had back.
 */
export function unsavedConversations({ hasOpenTurn, uploads }: Contents): string[] | null {
  if (hasOpenTurn) return null;
  return uploads
    .filter(({ isCurrent, isStored }) => isCurrent && !isStored)
    .map(({ conversationId }) => conversationId);
}

export type UnsavedPage = { conversationIds: string[] | null; next: number | null };

/** One page of it; `next` goes on, `null` at the end. */
export async function readUnsaved(ctx: QueryCtx, workerId: string, after: number): Promise<UnsavedPage> {
  const hasOpenTurn = (await leasesOfWorker(ctx, workerId, 1)).length > 0;
  const { uploads, next } = await readUploads(ctx, workerId, { after, limit: PAGE });
  return { conversationIds: unsavedConversations({ hasOpenTurn, uploads }), next };
}

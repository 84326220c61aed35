/** Uploads as a worker makes them, for the tests of snapshots. */
import { sha256Hex } from "../digest.js";
import { storeFile as storeWithType } from "../conversations/uploads.test-kit.js";
import { inComponent, type Harness } from "../setup.test-kit.js";
import { type StartedWorker } from "../worker.test-kit.js";

/** Puts a file where the upload URL would put it; returns what the worker is told, and what it knows itself. */
export async function storeFile(t: Harness, content: string, contentType?: string) {
  const storageId = await storeWithType(t, content, contentType);
  return { storageId, sha256: await sha256Hex(content), sizeBytes: new TextEncoder().encode(content).length };
}

type Turn = { conversationId: string; generation: number };
type Reason = Parameters<StartedWorker["prepareUpload"]>[0]["reason"];

/** Prepares, stores and finalizes; returns the snapshot's id and its file. */
export async function upload(
  t: Harness,
  worker: StartedWorker,
  { conversationId, generation }: Turn,
  content: string,
  reason: Reason = "checkpoint",
) {
  const { snapshotId } = await worker.prepareUpload({ conversationId, generation, reason });
  const file = await storeFile(t, content);
  await worker.finalizeUpload({ snapshotId, ...file });
  return { snapshotId, ...file };
}

/** The text of the file behind a snapshot's id, which is what a restore would unpack. */
export async function contentOf(t: Harness, snapshotId: string): Promise<string | null> {
  const bytes = await inComponent(t, async (ctx) => {
    const id = ctx.db.normalizeId("snapshots", snapshotId);
    const row = id === null ? null : await ctx.db.get("snapshots", id);
    const blob = row?.storageId === undefined ? null : await ctx.storage.get(row.storageId);
    return blob === null ? null : await blob.text();
  });
  return bytes;
}

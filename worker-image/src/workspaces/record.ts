/** What the worker knows about a conversation's folder on its disk: which snapshot it is, or that it cannot be trusted. */
import { rm } from "node:fs/promises";
import { z } from "zod";
import { parseJson, readIfPresent, writeWhole } from "../files.js";

const vRecord = z.object({
  version: z.literal(1),
  conversationId: z.string(),
  /** The snapshot the folder corresponds to; `null` is the empty workspace of a conversation without one. */
  snapshotId: z.string().nullable(),
  treeDigest: z.string(),
  /** Of the newest lease this worker had on the conversation. */
  generation: z.number(),
  /** True from before a turn touches the folder until its result is committed. Such a folder is never used. */
  isDirty: z.boolean(),
  /** System time; decides what goes when the disk has to be tidied. */
  usedAt: z.number(),
});
export type WorkspaceRecord = z.infer<typeof vRecord>;

export async function readRecord(file: string): Promise<WorkspaceRecord | null> {
  const text = await readIfPresent(file);
  const parsed = text === null ? null : vRecord.safeParse(parseJson(text));
  return parsed?.success === true ? parsed.data : null;
}

/**
 * A process that dies after this leaves what was written. After a power cut an older record may be there; the folder is
 * compared with it before it is used, so a turn need not wait for the disk.
 */
export async function writeRecord(file: string, record: WorkspaceRecord): Promise<void> {
  await writeWhole(file, JSON.stringify(record), { durable: false });
}

export async function removeRecord(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** Appends to and reads the transcript; the only writer of `transcript`. */
import type { Attachment, HandedFile, SentFile, TranscriptEntry } from "../../shared/payload.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import { takeWithin } from "../bounded.js";
import { isHalfSpent } from "../budget.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

/** Rows one turn may add of its own; a page of tool results, not a log. */
export const MAX_ADDED_ENTRIES = 200;
/** Places within a turn: what it was told first, the question, then what the turn added (from 1 on), then the ending. */
const PREFACE_PART = -1;
const QUESTION_PART = 0;
const ENDING_PART = MAX_ADDED_ENTRIES + 1;
/** Entries a turn sees; older ones are in the agent's own workspace if it chose to keep them. */
export const HYDRATION_WINDOW_ENTRIES = 50;
/** Characters a turn sees at most: with the rest of the bundle far below Convex's 16 MiB per call. */
export const HYDRATION_WINDOW_CHARACTERS = 512 * 1024;

/** Which run of which message an entry belongs to. */
export type EntryOrigin = Pick<Doc<"transcript">, "conversationId" | "messageId" | "generation">;
type Said = Pick<Doc<"transcript">, "role" | "content">;
type Question = { content: string; at: number; attachments: readonly Attachment[] };

/** Writes down a turn that has ended: what was asked, and the answer or why there is none. */
export async function recordTurn(
  ctx: MutationCtx,
  origin: EntryOrigin,
  { preface, question: { attachments, ...question }, ending }: { preface?: string; question: Question; ending: Said },
): Promise<void> {
  const files = storedFiles(ctx, attachments);
  if (preface !== undefined) {
    const entry = { part: PREFACE_PART, role: "system" as const, content: preface, at: question.at };
    await ctx.db.insert("transcript", { ...origin, ...entry });
  }
  await ctx.db.insert("transcript", { ...origin, part: QUESTION_PART, role: "user", ...question, ...files });
  await ctx.db.insert("transcript", { ...origin, part: ENDING_PART, ...ending, at: Date.now() });
}

/** Adds entries to a running turn, `alreadyAdded` of which it has; they are seen once the turn has completed. */
export async function addEntries(
  ctx: MutationCtx,
  origin: EntryOrigin,
  alreadyAdded: number,
  entries: Said[],
): Promise<void> {
  for (const [index, entry] of entries.entries()) {
    const part = alreadyAdded + index + 1;
    await ctx.db.insert("transcript", { ...origin, part, ...entry, at: Date.now() });
  }
}

/** Where a file can be downloaded by whoever sees the entries; `null` for nowhere. */
export type UrlOf = (storageId: Id<"_storage">) => Promise<string | null>;

/** The newest entries within the bounds, oldest first; of turns before generation `before` only, if given. */
export async function readWindow(
  ctx: QueryCtx,
  conversationId: string,
  { before, ...bounds }: { entries: number; characters: number; before?: number | undefined; urlOf?: UrlOf },
): Promise<TranscriptEntry[]> {
  const newestFirst = ctx.db
    .query("transcript")
    .withIndex("by_conversation", (range) => {
      const entries = range.eq("conversationId", conversationId);
      return before === undefined ? entries : entries.lt("generation", before);
    })
    .order("desc");
  const window = await takeWithin(
    newestFirst,
    { rows: bounds.entries, characters: bounds.characters },
    ({ content }) => content.length,
  );
  const entries: TranscriptEntry[] = [];
  const urlOf = bounds.urlOf ?? (async () => null);
  // The newest come first: what is shown of them does not depend on how many files older ones had.
  for (const { role, content, at, file, attachments } of window) {
    const handed = file === undefined ? {} : { file: await viewFile(file, urlOf) };
    const sent = attachments === undefined ? {} : { attachments: await viewSentFiles(attachments, urlOf) };
    entries.push({ role, content, at, ...handed, ...sent });
  }
  return entries.reverse();
}

type SentFiles = NonNullable<Doc<"transcript">["attachments"]>;

/** What of them is a file in storage; nothing for a question without any. */
function storedFiles(ctx: QueryCtx, attachments: readonly Attachment[]): { attachments?: SentFiles } {
  const files = attachments.flatMap((attachment) => {
    const storageId = ctx.db.system.normalizeId("_storage", attachment.storageId);
    const { kind, fileName = null, mimeType = null, sizeBytes = null } = attachment;
    return storageId === null ? [] : [{ kind, storageId, fileName, mimeType, sizeBytes }];
  });
  return files.length === 0 ? {} : { attachments: files };
}

async function viewSentFiles(files: SentFiles, urlOf: UrlOf): Promise<SentFile[]> {
  const viewed: SentFile[] = [];
  for (const { storageId, ...file } of files) viewed.push({ ...file, downloadUrl: await urlOf(storageId) });
  return viewed;
}

type StoredFile = NonNullable<Doc<"transcript">["file"]>;

async function viewFile({ storageId, ...file }: StoredFile, urlOf: UrlOf): Promise<HandedFile> {
  return { ...file, downloadUrl: await urlOf(storageId) };
}

/** Adds a file to a running turn; it is seen once the turn has completed. */
export async function addFileEntry(
  ctx: MutationCtx,
  origin: EntryOrigin,
  alreadyAdded: number,
  file: StoredFile,
): Promise<void> {
  const said = { role: "assistant" as const, content: `[File: ${file.fileName}]` };
  await ctx.db.insert("transcript", { ...origin, part: alreadyAdded + 1, ...said, file, at: Date.now() });
}

/** The files that the running turn has added so far. */
export async function listTurnFiles(ctx: QueryCtx, { messageId, generation }: EntryOrigin): Promise<StoredFile[]> {
  const rows = await ctx.db
    .query("transcript")
    .withIndex("by_message", (range) => range.eq("messageId", messageId).eq("generation", generation))
    .take(MAX_ADDED_ENTRIES);
  return rows.flatMap(({ file }) => file ?? []);
}

/** Whether the file is one of an answer, whichever. */
export async function isHandedOver(ctx: QueryCtx, storageId: Id<"_storage">): Promise<boolean> {
  const entry = await ctx.db
    .query("transcript")
    .withIndex("by_file", (range) => range.eq("file.storageId", storageId))
    .first();
  return entry !== null;
}

/** Deletes what attempts of this message before generation `before` have said; true when nothing of it is left. */
export async function deleteEarlierEntries(ctx: MutationCtx, messageId: string, before: number): Promise<boolean> {
  return await deleteEach(
    ctx,
    ctx.db
      .query("transcript")
      .withIndex("by_message", (range) => range.eq("messageId", messageId).lt("generation", before)),
  );
}

/** Deletes all that was said about a message; true when nothing of it is left. */
export async function deleteEntriesOfMessage(ctx: MutationCtx, messageId: string): Promise<boolean> {
  return await deleteEach(
    ctx,
    ctx.db.query("transcript").withIndex("by_message", (range) => range.eq("messageId", messageId)),
  );
}

async function deleteEach(ctx: MutationCtx, entries: AsyncIterable<Doc<"transcript">>): Promise<boolean> {
  for await (const { _id, file } of entries) {
    if (await isHalfSpent(ctx)) return false;
    if (file !== undefined && (await ctx.db.system.get("_storage", file.storageId)) !== null) {
      await ctx.storage.delete(file.storageId);
    }
    await ctx.db.delete("transcript", _id);
  }
  return true;
}

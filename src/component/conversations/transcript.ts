/** Appends to and reads the transcript; the only writer of `transcript`. */
import type { HandedFile, TranscriptEntry } from "../../shared/payload.js";
import type { Doc } from "../_generated/dataModel.js";
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

/** Writes down a turn that has ended: what was asked, and the answer or why there is none. */
export async function recordTurn(
  ctx: MutationCtx,
  origin: EntryOrigin,
  { preface, question, ending }: { preface?: string; question: { content: string; at: number }; ending: Said },
): Promise<void> {
  if (preface !== undefined) {
    const entry = { part: PREFACE_PART, role: "system" as const, content: preface, at: question.at };
    await ctx.db.insert("transcript", { ...origin, ...entry });
  }
  await ctx.db.insert("transcript", { ...origin, part: QUESTION_PART, role: "user", ...question });
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

/** The newest entries within the bounds, oldest first; of turns before generation `before` only, if given. */
export async function readWindow(
  ctx: QueryCtx,
  conversationId: string,
  { before, ...bounds }: { entries: number; characters: number; before?: number | undefined; withUrls?: boolean },
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
  for (const { role, content, at, file } of window.reverse()) {
    const handed = file === undefined ? undefined : await viewFile(ctx, file, bounds.withUrls === true);
    entries.push({ role, content, at, ...(handed === undefined ? {} : { file: handed }) });
  }
  return entries;
}

type StoredFile = NonNullable<Doc<"transcript">["file"]>;

async function viewFile(ctx: QueryCtx, { storageId, ...file }: StoredFile, withUrl: boolean): Promise<HandedFile> {
  return { ...file, downloadUrl: withUrl ? await ctx.storage.getUrl(storageId) : null };
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

/** Appends to and reads the transcript; the only writer of `transcript` and `conversations`. */
import type { TranscriptEntry } from "../../shared/payload.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { bindingOfConversation } from "../identity/bindings.js";

/** Extra rows one turn may add; a page of tool results, not a log. */
export const MAX_EXTRA_ENTRIES = 200;
/** With the question and the answer. */
const MAX_ENTRIES_PER_MESSAGE = MAX_EXTRA_ENTRIES + 2;
/** Entries a turn sees; older ones are in the agent's own workspace if it chose to keep them. */
export const HYDRATION_WINDOW_ENTRIES = 50;
/** Characters a turn sees at most: with the rest of the bundle far below Convex's 16 MiB per call. */
export const HYDRATION_WINDOW_CHARACTERS = 512 * 1024;

/** Whom a conversation belongs to; without a user when no binding made it. */
export type ConversationOwner = { agentKey: string; consumerUserId?: string };

/**
 * Creates the conversation if need be and says whom it belongs to: the binding that made it, never the caller, names
 * the user.
 */
export async function ensureConversation(
  ctx: MutationCtx,
  { conversationId, agentKey }: { conversationId: string; agentKey: string },
): Promise<ConversationOwner> {
  const existing = await findConversation(ctx, conversationId);
  if (existing !== null) return existing;
  const binding = await bindingOfConversation(ctx, conversationId);
  const owner: ConversationOwner =
    binding === null ? { agentKey } : { agentKey: binding.agentKey, consumerUserId: binding.consumerUserId };
  await ctx.db.insert("conversations", { conversationId, ...owner, createdAt: Date.now() });
  return owner;
}

export async function findConversation(ctx: QueryCtx, conversationId: string) {
  return await ctx.db
    .query("conversations")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .unique();
}

export type NewEntry = Pick<Doc<"transcript">, "conversationId" | "role" | "content" | "messageId"> & { at?: number };

export async function appendEntry(ctx: MutationCtx, entry: NewEntry): Promise<void> {
  await ctx.db.insert("transcript", { ...entry, at: entry.at ?? Date.now() });
}

/** The newest entries within both bounds, oldest first. */
export async function readWindow(
  ctx: QueryCtx,
  conversationId: string,
  bounds: { entries: number; characters: number },
): Promise<TranscriptEntry[]> {
  const newestFirst = await ctx.db
    .query("transcript")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .order("desc")
    .take(bounds.entries);
  const window: TranscriptEntry[] = [];
  let characters = 0;
  for (const { role, content, at } of newestFirst) {
    characters += content.length;
    if (characters > bounds.characters) break;
    window.push({ role, content, at });
  }
  return window.reverse();
}

/** Entries of one message already written, up to `limit`. */
export async function countEntriesOfMessage(ctx: QueryCtx, messageId: string, limit: number): Promise<number> {
  const entries = await ctx.db
    .query("transcript")
    .withIndex("by_message", (range) => range.eq("messageId", messageId))
    .take(limit);
  return entries.length;
}

/** Deletes a bounded number of a message's entries, which is all of them: see the caps on what a turn may append. */
export async function deleteEntriesOfMessage(ctx: MutationCtx, messageId: string): Promise<void> {
  const entries = await ctx.db
    .query("transcript")
    .withIndex("by_message", (range) => range.eq("messageId", messageId))
    .take(MAX_ENTRIES_PER_MESSAGE);
  for (const entry of entries) await ctx.db.delete("transcript", entry._id);
}

/** Lists messages, for views. */
import type { MessageStatus } from "../../shared/payload.js";
import type { Doc } from "../_generated/dataModel.js";
import { takeWithin } from "../bounded.js";
import type { QueryCtx } from "../functions.js";

/** What one list may weigh: a page of large messages, and far below the 16 MiB of one call. */
const MAX_LIST_CHARACTERS = 2 * 1024 * 1024;

export type MessageFilter = { conversationId: string; statuses?: readonly MessageStatus[]; limit: number };

/**
 * In order. Without `statuses`: the newest of any status; with them: the first of each, in the order given. Fewer than
 * `limit` when they are large.
 */
export async function listMessages(ctx: QueryCtx, filter: MessageFilter): Promise<Doc<"messages">[]> {
  const { conversationId, statuses, limit } = filter;
  if (statuses === undefined) {
    const newestFirst = ctx.db
      .query("messages")
      .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
      .order("desc");
    return (await takeWithin(newestFirst, { rows: limit, characters: MAX_LIST_CHARACTERS }, sizeOf)).reverse();
  }
  const messages: Doc<"messages">[] = [];
  let characters = 0;
  for (const status of new Set(statuses)) {
    const bounds = { rows: limit - messages.length, characters: MAX_LIST_CHARACTERS - characters };
    if (bounds.rows <= 0 || bounds.characters <= 0) break;
    const ofStatus = ctx.db
      .query("messages")
      .withIndex("by_lane_queue", (range) => range.eq("conversationId", conversationId).eq("status", status));
    const some = await takeWithin(ofStatus, bounds, sizeOf);
    characters += some.reduce((total, message) => total + sizeOf(message), 0);
    messages.push(...some);
  }
  return messages;
}

/** The newest message of a conversation, whatever became of it. */
export async function newestMessage(ctx: QueryCtx, conversationId: string): Promise<Doc<"messages"> | null> {
  return await ctx.db
    .query("messages")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .order("desc")
    .first();
}

/** Oldest first, of all conversations; fewer than `limit` when they are large. */
export async function listMessagesByStatus(
  ctx: QueryCtx,
  status: MessageStatus,
  limit: number,
): Promise<Doc<"messages">[]> {
  const oldestFirst = ctx.db.query("messages").withIndex("by_status", (range) => range.eq("status", status));
  return await takeWithin(oldestFirst, { rows: limit, characters: MAX_LIST_CHARACTERS }, sizeOf);
}

function sizeOf({ payload }: Doc<"messages">): number {
  return JSON.stringify(payload).length;
}

/** Lists the messages of a conversation, for views. */
import type { MessageStatus } from "../../shared/payload.js";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";

export type MessageFilter = { conversationId: string; statuses?: readonly MessageStatus[]; limit: number };

/** In order. Without `statuses`: the newest of any status; with them: the first of each, in the order given. */
export async function listMessages(ctx: QueryCtx, filter: MessageFilter): Promise<Doc<"messages">[]> {
  const { conversationId, statuses, limit } = filter;
  if (statuses === undefined) {
    const newest = await ctx.db
      .query("messages")
      .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
      .order("desc")
      .take(limit);
    return newest.reverse();
  }
  const messages: Doc<"messages">[] = [];
  for (const status of new Set(statuses)) {
    if (messages.length >= limit) break;
    const some = await ctx.db
      .query("messages")
      .withIndex("by_lane_queue", (range) => range.eq("conversationId", conversationId).eq("status", status))
      .take(limit - messages.length);
    messages.push(...some);
  }
  return messages;
}

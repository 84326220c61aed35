/** How long finished messages live. */
import type { MutationCtx } from "../functions.js";
import { deleteEntriesOfMessage } from "../conversations/transcript.js";

/** Also how long a delivery's id is remembered, which no provider's redelivery outlives. */
export const FINISHED_MESSAGE_RETENTION_MS = 30 * 24 * 60 * 60_000;

/** Deletes the oldest finished messages with what was said about them; returns how many. */
export async function deleteFinishedMessages(ctx: MutationCtx, limit: number): Promise<number> {
  const before = Date.now() - FINISHED_MESSAGE_RETENTION_MS;
  const expired = await ctx.db
    .query("messages")
    .withIndex("by_finished", (range) => range.gt("finishedAt", 0).lte("finishedAt", before))
    .take(limit);
  for (const message of expired) {
    await deleteEntriesOfMessage(ctx, message._id);
    await ctx.db.delete("messages", message._id);
  }
  return expired.length;
}

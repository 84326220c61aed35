/** How long finished messages live. */
import { isHalfSpent } from "../budget.js";
import { deleteEntriesOfMessage } from "../conversations/transcript.js";
import type { MutationCtx } from "../functions.js";

/** Also how long a delivery's id is remembered, which no provider's redelivery outlives. */
export const FINISHED_MESSAGE_RETENTION_MS = 30 * 24 * 60 * 60_000;

/** Deletes the oldest finished messages with what was said about them; `more` when some are left. */
export async function deleteFinishedMessages(
  ctx: MutationCtx,
  limit: number,
): Promise<{ deleted: number; more: boolean }> {
  const before = Date.now() - FINISHED_MESSAGE_RETENTION_MS;
  const expired = ctx.db
    .query("messages")
    .withIndex("by_finished", (range) => range.gt("finishedAt", 0).lte("finishedAt", before));
  let deleted = 0;
  for await (const message of expired) {
    if (deleted === limit || (await isHalfSpent(ctx))) return { deleted, more: true };
    // What is said about one message may fill more than one transaction; the message is then the anchor to come back to.
    if (!(await deleteEntriesOfMessage(ctx, message._id))) return { deleted, more: true };
    await ctx.db.delete("messages", message._id);
    deleted += 1;
  }
  return { deleted, more: false };
}

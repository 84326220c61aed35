/** Background work on conversations. */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { internalMutation } from "../functions.js";
import { deleteStream } from "./stream.js";
import { deleteEarlierEntries } from "./transcript.js";

/**
 * Removes what a turn that ended leaves behind: its stream, and what attempts that came to nothing have added to the
 * transcript (`keepEntries`: this one came to something). Attempts after `generation` are not touched: the next one may be running already.
 */
export const sweepTurn = internalMutation({
  args: { messageId: v.string(), generation: v.number(), keepEntries: v.boolean() },
  returns: v.null(),
  handler: async (ctx, turn) => {
    const { messageId, generation, keepEntries } = turn;
    const isDone =
      (await deleteStream(ctx, messageId, generation)) &&
      (await deleteEarlierEntries(ctx, messageId, keepEntries ? generation : generation + 1));
    if (!isDone) await ctx.scheduler.runAfter(0, internal.conversations.internal.sweepTurn, turn);
    return null;
  },
});

/** Background work on conversations. */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { internalMutation } from "../functions.js";
import { deleteStream } from "./stream.js";

/** Removes the stream of a turn that ended; continues itself until nothing is left. */
export const sweepStream = internalMutation({
  args: { messageId: v.string() },
  returns: v.null(),
  handler: async (ctx, { messageId }) => {
    const done = await deleteStream(ctx, messageId);
    if (!done) await ctx.scheduler.runAfter(0, internal.conversations.internal.sweepStream, { messageId });
    return null;
  },
});

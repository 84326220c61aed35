/** Continues a retention sweep that did not fit into one batch. */
import { v } from "convex/values";
import { internalMutation } from "../functions.js";
import { sweepOnce } from "./sweep.js";

export const sweepMore = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    await sweepOnce(ctx);
    return null;
  },
});

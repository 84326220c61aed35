/** The registered function that a nightly cron calls to keep every table bounded. */
import { v } from "convex/values";
import { mutation } from "../functions.js";
import { sweepOnce } from "./sweep.js";

/** Removes one batch now and the rest in the background; returns what this call removed. */
export const runRetention = mutation({
  args: {},
  returns: v.object({ messages: v.number(), snapshots: v.number(), workers: v.number(), more: v.boolean() }),
  handler: async (ctx) => await sweepOnce(ctx),
});

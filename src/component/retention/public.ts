/** The registered function that a nightly cron calls to keep every table bounded. */
import { vRetentionReport } from "../../shared/reports.js";
import { mutation } from "../functions.js";
import { sweepOnce } from "./sweep.js";

/** Removes one batch now and the rest in the background; returns what this call removed. */
export const runRetention = mutation({
  args: {},
  returns: vRetentionReport,
  handler: async (ctx) => await sweepOnce(ctx),
});

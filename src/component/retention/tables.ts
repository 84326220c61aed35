/** How far the sweeps have come that look at everything once. */
import { defineTable } from "convex/server";
import { v } from "convex/values";

export const retentionTables = {
  /** One row. Written and read by the sweep of stored files that nothing names (`orphans.ts`). */
  fileSweeps: defineTable({
    /** Files stored before this moment have been looked at, and so has the one stored at it. */
    lookedAtUntil: v.number(),
  }),
};

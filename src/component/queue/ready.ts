/** The ready set as the pool sees it: conversations whose head may run now. */
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";

/** In no particular order; reserved ones included, since somebody has to serve them. */
export async function readReadyLanes(ctx: QueryCtx, poolKey: string, limit: number): Promise<Doc<"lanes">[]> {
  return await ctx.db
    .query("lanes")
    .withIndex("by_claimable", (range) => range.eq("poolKey", poolKey).eq("state", "ready"))
    .take(limit);
}

/** Removes the files of versions that are gone, batch by batch. */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { isHalfSpent } from "../budget.js";
import { internalMutation } from "../functions.js";

export const removeFiles = internalMutation({
  args: { versionIds: v.array(v.id("globalSkillVersions")) },
  returns: v.null(),
  handler: async (ctx, { versionIds }) => {
    for (const [index, versionId] of versionIds.entries()) {
      const files = ctx.db
        .query("globalSkillFiles")
        .withIndex("by_version", (range) => range.eq("versionId", versionId));
      for await (const { _id } of files) {
        if (await isHalfSpent(ctx)) {
          const rest = versionIds.slice(index);
          await ctx.scheduler.runAfter(0, internal.skills.internal.removeFiles, { versionIds: rest });
          return null;
        }
        await ctx.db.delete("globalSkillFiles", _id);
      }
    }
    return null;
  },
});

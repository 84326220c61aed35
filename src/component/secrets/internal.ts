/** The database side of sealed secrets, for the actions of this component; the only writer of `secrets`. */
import { v } from "convex/values";
import { internal } from "../_generated/api.js";
import { internalMutation, internalQuery } from "../functions.js";
import { PROVIDER_TOKEN_REF } from "./read.js";
import { vEnvelope } from "./tables.js";

const vSealed = v.object({ version: v.number(), envelope: vEnvelope });

export const sealedSecret = internalQuery({
  args: { secretRef: v.string() },
  returns: v.union(vSealed, v.null()),
  handler: async (ctx, { secretRef }) => {
    const row = await ctx.db
      .query("secrets")
      .withIndex("by_secret_ref", (range) => range.eq("secretRef", secretRef))
      .unique();
    return row && { version: row.version, envelope: row.envelope };
  },
});

/**
 * Stores version `version` unless another import took that number in the meantime: then nothing is written, the result
 * is `null`, and the caller seals again for the next one (an envelope is bound to its version).
 */
export const storeSealedSecret = internalMutation({
  args: {
    secretRef: v.string(),
    version: v.number(),
    envelope: vEnvelope,
    metadata: v.optional(v.record(v.string(), v.string())),
  },
  returns: v.union(v.string(), v.null()),
  handler: async (ctx, args) => {
    const existing = await ctx.db
      .query("secrets")
      .withIndex("by_secret_ref", (range) => range.eq("secretRef", args.secretRef))
      .unique();
    if ((existing?.version ?? 0) + 1 !== args.version) return null;
    // Whoever waits for the provider to accept a token waits for exactly this.
    if (args.secretRef === PROVIDER_TOKEN_REF) {
      await ctx.scheduler.runAfter(0, internal.pool.internalProvider.tokenChanged, {});
    }
    const row = { ...args, updatedAt: Date.now() };
    if (existing === null) return await ctx.db.insert("secrets", row);
    await ctx.db.replace("secrets", existing._id, row);
    return existing._id;
  },
});

/** What is this app's own: who the visitor is, and that everybody gets the agent `"default"` at their first visit. */
import { ConvexError, v } from "convex/values";
import { components } from "./_generated/api.js";
import { mutation, query } from "./_generated/server.js";
import { identifyCaller } from "./caller.js";

/** The profile that `seedDefaultAgent` makes. */
const DEFAULT_AGENT_KEY = "default";

/** The signed-in user and the agent they talk to; `null` without a session. */
export const me = query({
  args: {},
  returns: v.union(
    v.object({ userId: v.string(), isOperator: v.boolean(), agentKey: v.union(v.string(), v.null()) }),
    v.null(),
  ),
  handler: async (ctx) => {
    const caller = await identifyCaller(ctx);
    if (caller === null) return null;
    const binding = await ctx.runQuery(components.agentFactory.lib.getUserAgentBinding, {
      consumerUserId: caller.userId,
    });
    return { ...caller, agentKey: binding?.agentKey ?? null };
  },
});

/** Gives the signed-in user their agent; repeating it changes nothing. */
export const ensure = mutation({
  args: {},
  returns: v.object({ agentKey: v.string() }),
  handler: async (ctx) => {
    const caller = await identifyCaller(ctx);
    if (caller === null) throw new ConvexError({ kind: "unauthorized", message: "Sign in first." });
    const binding = await ctx.runMutation(components.agentFactory.lib.bindUserAgent, {
      consumerUserId: caller.userId,
      agentKey: DEFAULT_AGENT_KEY,
      source: "api",
    });
    return { agentKey: binding.agentKey };
  },
});

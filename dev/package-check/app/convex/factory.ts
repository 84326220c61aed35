/** Opens the component to the app's users, and reads it directly where no wrapper is wanted. */
import { exposeApi } from "convex-agent-factory";
import { queryGeneric } from "convex/server";
import { v } from "convex/values";
import { components } from "./components.js";

export const factory = exposeApi(components.agentFactory, {
  auth: async (ctx) => {
    const identity = await ctx.auth.getUserIdentity();
    return identity === null ? null : { userId: identity.subject, isAdmin: false };
  },
});

export const waiting = queryGeneric({
  args: {},
  returns: v.number(),
  handler: async (ctx) => (await ctx.runQuery(components.agentFactory.lib.queueStats, {})).queuedReady,
});

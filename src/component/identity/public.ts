/** Registered functions about who owns which agent. */
import { v } from "convex/values";
import { vBindingView, vNullableString } from "../../shared/views.js";
import { mutation, query } from "../functions.js";
import { activeBindings, bind, bindingView, revokeAll } from "./bindings.js";

export const bindUserAgent = mutation({
  args: {
    consumerUserId: v.string(),
    agentKey: v.string(),
    botIdentity: v.optional(v.string()),
    source: v.optional(v.union(v.literal("manual"), v.literal("telegram_pairing"), v.literal("api"))),
    telegramUserId: v.optional(v.string()),
    telegramChatId: v.optional(v.string()),
    metadata: v.optional(v.record(v.string(), v.string())),
  },
  returns: vBindingView,
  handler: async (ctx, { source, ...request }) =>
    bindingView(await bind(ctx, { ...request, source: source ?? "manual" })),
});

export const revokeUserAgentBinding = mutation({
  args: { consumerUserId: v.string() },
  returns: v.object({ revoked: v.number() }),
  handler: async (ctx, { consumerUserId }) => ({ revoked: await revokeAll(ctx, consumerUserId) }),
});

/** The user's newest active agent. */
export const resolveAgentForUser = query({
  args: { consumerUserId: v.string() },
  returns: v.object({ consumerUserId: v.string(), agentKey: vNullableString }),
  handler: async (ctx, { consumerUserId }) => {
    const [newest] = await activeBindings(ctx, consumerUserId, 1);
    return { consumerUserId, agentKey: newest?.agentKey ?? null };
  },
});

export const getUserAgentBinding = query({
  args: { consumerUserId: v.string() },
  returns: v.union(vBindingView, v.null()),
  handler: async (ctx, { consumerUserId }) => {
    const [newest] = await activeBindings(ctx, consumerUserId, 1);
    return newest === undefined ? null : bindingView(newest);
  },
});

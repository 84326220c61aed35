/** Who owns which agent. */
import { defineTable } from "convex/server";
import { v } from "convex/values";

export const identityTables = {
  /**
   * One row per user and agent they were ever bound to. Written by `bindUserAgent` and `revokeUserAgentBinding`; read
   * whenever a user's call names an agent or a conversation. A revoked row stays, so that a new binding continues the
   * same conversation.
   */
  bindings: defineTable({
    consumerUserId: v.string(),
    agentKey: v.string(),
    conversationId: v.string(),
    status: v.union(v.literal("active"), v.literal("revoked")),
    source: v.union(v.literal("manual"), v.literal("telegram_pairing"), v.literal("api")),
    botIdentity: v.optional(v.string()),
    telegramUserId: v.optional(v.string()),
    telegramChatId: v.optional(v.string()),
    metadata: v.optional(v.record(v.string(), v.string())),
    boundAt: v.number(),
    revokedAt: v.optional(v.number()),
  })
    .index("by_user", ["consumerUserId", "boundAt"])
    .index("by_user_agent", ["consumerUserId", "agentKey"])
    .index("by_user_status", ["consumerUserId", "status", "boundAt"])
    .index("by_conversation", ["conversationId"]),
};

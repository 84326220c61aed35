/** Isolation as a pure rule: whose work a worker may do, and whether a conversation is part of it. */
import { v, type Infer } from "convex/values";

export const vIsolation = v.union(
  v.literal("conversation"),
  v.literal("user"),
  v.literal("agent"),
  v.literal("shared"),
);
export type Isolation = Infer<typeof vIsolation>;

/** Fixed by a worker's first claim and never widened. */
export const vScope = v.object({ kind: vIsolation, key: v.string() });
export type Scope = Infer<typeof vScope>;

/** The parts of a conversation that scopes are about. */
export type ScopedConversation = {
  conversationId: string;
  agentKey: string;
  consumerUserId?: string | null | undefined;
};

/**
 * The scope a fresh worker gets when it takes this conversation. One without a user is nobody else's either: under
 * isolation by user it then counts for itself.
 */
export function scopeOf(isolation: Isolation, conversation: ScopedConversation): Scope {
  const { conversationId, agentKey, consumerUserId } = conversation;
  if (isolation === "shared") return { kind: "shared", key: "" };
  if (isolation === "agent") return { kind: "agent", key: agentKey };
  if (isolation === "user" && consumerUserId != null) return { kind: "user", key: consumerUserId };
  return { kind: "conversation", key: conversationId };
}

export function isWithinScope(scope: Scope, conversation: ScopedConversation): boolean {
  const own = scopeOf(scope.kind, conversation);
  return own.kind === scope.kind && own.key === scope.key;
}

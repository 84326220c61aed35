/** Binds users to agents and resolves bindings; the only writer of `bindings`. */
import { agentFactoryError } from "../../shared/errors.js";
import type { BindingView } from "../../shared/views.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import { requireEnabledAgent } from "../agents/profile.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { requireIdentifier, requireMetadata } from "../validation.js";

/** Agents one user may be bound to at a time; also the bound of every list over them. */
export const MAX_AGENTS_PER_USER = 50;

export type BindRequest = {
  consumerUserId: string;
  agentKey: string;
  source: Doc<"bindings">["source"];
  botIdentity?: string;
  telegramUserId?: string;
  telegramChatId?: string;
  metadata?: Record<string, string>;
};

/**
 * Binds, or returns what is bound already; a revoked binding comes back with its old conversation.
 *
 * @throws `invalid_argument`, `agent_not_found`, `agent_disabled`
 */
export async function bind(ctx: MutationCtx, request: BindRequest): Promise<Doc<"bindings">> {
  const { consumerUserId, agentKey } = request;
  requireIdentifier("consumerUserId", consumerUserId);
  requireIdentifier("agentKey", agentKey);
  for (const name of ["botIdentity", "telegramUserId", "telegramChatId"] as const) {
    const value = request[name];
    if (value !== undefined) requireIdentifier(name, value);
  }
  requireMetadata("metadata", request.metadata);
  await requireEnabledAgent(ctx, agentKey);
  const existing = await findBinding(ctx, consumerUserId, agentKey);
  if (existing?.status === "active") return existing;
  const active = await activeBindings(ctx, consumerUserId, MAX_AGENTS_PER_USER);
  if (active.length === MAX_AGENTS_PER_USER) {
    throw agentFactoryError(
      "invalid_argument",
      `The user already has ${MAX_AGENTS_PER_USER} agents, which is the most one user may have. Revoke one first.`,
      { argument: "consumerUserId" },
    );
  }
  const row = { ...request, status: "active" as const, boundAt: Date.now() };
  if (existing !== null) {
    await ctx.db.replace("bindings", existing._id, { ...row, conversationId: existing.conversationId });
    return await requireBinding(ctx, existing._id);
  }
  const bindingId = await ctx.db.insert("bindings", { ...row, conversationId: "" });
  // Derived from the row's own id: unique for ever, and it tells nothing about the user.
  await ctx.db.patch("bindings", bindingId, { conversationId: `conversation:${bindingId}` });
  return await requireBinding(ctx, bindingId);
}

async function requireBinding(ctx: QueryCtx, bindingId: Id<"bindings">): Promise<Doc<"bindings">> {
  const binding = await ctx.db.get("bindings", bindingId);
  if (binding === null) throw new Error(`Binding not found right after it was written: ${bindingId}`);
  return binding;
}

export async function findBinding(ctx: QueryCtx, consumerUserId: string, agentKey: string) {
  return await ctx.db
    .query("bindings")
    .withIndex("by_user_agent", (range) => range.eq("consumerUserId", consumerUserId).eq("agentKey", agentKey))
    .unique();
}

/** @throws `binding_not_found`, `invalid_argument` */
export async function requireActiveBinding(ctx: QueryCtx, consumerUserId: string, agentKey: string) {
  requireIdentifier("agentKey", agentKey);
  const binding = await findBinding(ctx, consumerUserId, agentKey);
  if (binding === null || binding.status !== "active") {
    throw agentFactoryError(
      "binding_not_found",
      `The user has no active binding to agent "${agentKey}". Bind them with bindUserAgent first.`,
      { argument: "agentKey" },
    );
  }
  return binding;
}

/** Newest first. */
export async function activeBindings(ctx: QueryCtx, consumerUserId: string, limit: number) {
  return await ctx.db
    .query("bindings")
    .withIndex("by_user_status", (range) => range.eq("consumerUserId", consumerUserId).eq("status", "active"))
    .order("desc")
    .take(limit);
}

/** Newest first, revoked ones included. */
export async function allBindings(ctx: QueryCtx, consumerUserId: string, limit: number) {
  return await ctx.db
    .query("bindings")
    .withIndex("by_user", (range) => range.eq("consumerUserId", consumerUserId))
    .order("desc")
    .take(limit);
}

/** Who a conversation belongs to; `null` for one that no binding made. */
export async function bindingOfConversation(ctx: QueryCtx, conversationId: string) {
  return await ctx.db
    .query("bindings")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .unique();
}

export async function revokeAll(ctx: MutationCtx, consumerUserId: string): Promise<number> {
  const active = await activeBindings(ctx, consumerUserId, MAX_AGENTS_PER_USER);
  for (const binding of active) {
    await ctx.db.patch("bindings", binding._id, { status: "revoked", revokedAt: Date.now() });
  }
  return active.length;
}

export function bindingView(binding: Doc<"bindings">): BindingView {
  return {
    consumerUserId: binding.consumerUserId,
    agentKey: binding.agentKey,
    conversationId: binding.conversationId,
    botIdentity: binding.botIdentity ?? null,
    status: binding.status,
    source: binding.source,
    telegramUserId: binding.telegramUserId ?? null,
    telegramChatId: binding.telegramChatId ?? null,
    metadata: binding.metadata ?? null,
    boundAt: binding.boundAt,
    revokedAt: binding.revokedAt ?? null,
  };
}

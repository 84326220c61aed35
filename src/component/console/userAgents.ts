/** A user and their agents, put together for pages such as "my agent". */
import type { UserAgentView } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import { findAgent } from "../agents/profile.js";
import type { QueryCtx } from "../functions.js";
import { activeBindings, allBindings, findBinding, MAX_AGENTS_PER_USER } from "../identity/bindings.js";

export async function userAgentView(ctx: QueryCtx, binding: Doc<"bindings">): Promise<UserAgentView> {
  const agent = await findAgent(ctx, binding.agentKey);
  const isActive = binding.status === "active";
  const isRunnable = agent?.enabled === true;
  return {
    consumerUserId: binding.consumerUserId,
    agentKey: binding.agentKey,
    displayName: agent?.displayName ?? null,
    telegramUsername: null,
    version: agent?.version ?? null,
    status: agent === null ? "failed" : !isRunnable || !isActive ? "disabled" : "active",
    bindingStatus: binding.status,
    pairingStatus: null,
    conversationId: binding.conversationId,
    canCreateNewAgent: await canCreateNewAgent(ctx, binding.consumerUserId),
    canDisable: isActive,
    canChat: isActive && isRunnable,
    canManagePushJobs: isActive && isRunnable,
  };
}

export async function canCreateNewAgent(ctx: QueryCtx, consumerUserId: string): Promise<boolean> {
  return (await activeBindings(ctx, consumerUserId, MAX_AGENTS_PER_USER)).length < MAX_AGENTS_PER_USER;
}

/** Newest first; disabled ones (revoked bindings) only on request. */
export async function listUserAgentViews(
  ctx: QueryCtx,
  consumerUserId: string,
  includeDisabled: boolean,
): Promise<UserAgentView[]> {
  const bindings = includeDisabled
    ? await allBindings(ctx, consumerUserId, MAX_AGENTS_PER_USER)
    : await activeBindings(ctx, consumerUserId, MAX_AGENTS_PER_USER);
  const views: UserAgentView[] = [];
  for (const binding of bindings) views.push(await userAgentView(ctx, binding));
  return views;
}

export async function findUserAgentView(
  ctx: QueryCtx,
  consumerUserId: string,
  agentKey: string,
): Promise<UserAgentView | null> {
  const binding = await findBinding(ctx, consumerUserId, agentKey);
  return binding === null ? null : await userAgentView(ctx, binding);
}

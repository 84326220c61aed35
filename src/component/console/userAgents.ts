/** A user and their agents, put together for pages such as "my agent". */
import type { UserAgentView } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import { findAgent } from "../agents/profile.js";
import type { QueryCtx } from "../functions.js";
import { activeBindings, allBindings, findBinding, MAX_AGENTS_PER_USER } from "../identity/bindings.js";

/** Whether one more agent fits; the same for all of a user's agents, so it is looked up once and passed along. */
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
  const canCreate = await canCreateNewAgent(ctx, consumerUserId);
  const views: UserAgentView[] = [];
  for (const binding of bindings) views.push(await userAgentView(ctx, binding, canCreate));
  return views;
}

export async function findUserAgentView(
  ctx: QueryCtx,
  consumerUserId: string,
  agentKey: string,
): Promise<UserAgentView | null> {
  const binding = await findBinding(ctx, consumerUserId, agentKey);
  return binding === null ? null : await userAgentView(ctx, binding, await canCreateNewAgent(ctx, consumerUserId));
}

/** The agent the user was bound to last. */
export async function findActiveUserAgentView(ctx: QueryCtx, consumerUserId: string): Promise<UserAgentView | null> {
  const [newest] = await activeBindings(ctx, consumerUserId, 1);
  if (newest === undefined) return null;
  return await userAgentView(ctx, newest, await canCreateNewAgent(ctx, consumerUserId));
}

async function userAgentView(ctx: QueryCtx, binding: Doc<"bindings">, canCreate: boolean): Promise<UserAgentView> {
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
    canCreateNewAgent: canCreate,
    canDisable: isActive,
    canChat: isActive && isRunnable,
    canManagePushJobs: isActive && isRunnable,
  };
}

/** Looks agents up and stores their profiles; the only writer of `agents`. */
import { bridgeUrlProblem } from "../../shared/bridge.js";
import { agentFactoryError } from "../../shared/errors.js";
import { MAX_IDENTIFIER_BYTES, MAX_METADATA_BYTES } from "../../shared/payload.js";
import { internal } from "../_generated/api.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { isForAgents } from "../secrets/read.js";
import { requireIdentifier, requireIntegerBetween, requireTextWithin } from "../validation.js";
import { haveCapsChanged, requireQueuePolicy } from "./queuePolicy.js";
import { requireRuntimeProfile } from "./runtimeProfile.js";

/** The pool agents run in unless they say otherwise. */
export const DEFAULT_POOL_KEY = "default";
/** A profile lists what one agent needs; more than this is a mistake. */
const MAX_SECRET_REFS = 64;

export async function findAgent(ctx: QueryCtx, agentKey: string): Promise<Doc<"agents"> | null> {
  return await ctx.db
    .query("agents")
    .withIndex("by_agent_key", (range) => range.eq("agentKey", agentKey))
    .unique();
}

/** @throws `agent_not_found`, `agent_disabled` */
export async function requireEnabledAgent(ctx: QueryCtx, agentKey: string): Promise<Doc<"agents">> {
  const agent = await findAgent(ctx, agentKey);
  if (agent === null) {
    throw agentFactoryError(
      "agent_not_found",
      `There is no agent "${agentKey}". Create it with configureAgent before sending it messages.`,
      { argument: "agentKey" },
    );
  }
  if (!agent.enabled) {
    throw agentFactoryError(
      "agent_disabled",
      `Agent "${agentKey}" is disabled. Enable it with configureAgent({ ..., enabled: true }).`,
      { argument: "agentKey" },
    );
  }
  return agent;
}

type Profile = Omit<Doc<"agents">, "_id" | "_creationTime" | "poolKey" | "updatedAt">;

/** Creates or replaces the profile, whose messages go on if it was disabled; returns the row's id. @throws `invalid_argument` */
export async function saveAgent(ctx: MutationCtx, profile: Profile): Promise<string> {
  requireIdentifier("agentKey", profile.agentKey);
  requireIdentifier("version", profile.version);
  requireIntegerBetween("secretsRef.length", profile.secretsRef.length, 0, MAX_SECRET_REFS);
  for (const secretRef of profile.secretsRef) requireIdentifier("secretsRef", secretRef);
  requireTextWithin("displayName", profile.displayName ?? "", MAX_IDENTIFIER_BYTES);
  requireTextWithin("botIdentity", profile.botIdentity ?? "", MAX_IDENTIFIER_BYTES);
  requireBridgeConfig(profile.bridgeConfig);
  requireQueuePolicy(profile.queuePolicy);
  requireRuntimeProfile(profile);
  requireSecretsForAgents(profile);
  const existing = await findAgent(ctx, profile.agentKey);
  const row = { ...profile, poolKey: existing?.poolKey ?? DEFAULT_POOL_KEY, updatedAt: Date.now() };
  const agentId = existing?._id ?? (await ctx.db.insert("agents", row));
  if (existing !== null) await ctx.db.replace("agents", existing._id, row);
  const { agentKey, poolKey } = row;
  // One that is new may have been here before: what was put aside or held back for it then waits for it still.
  const isBack = profile.enabled && existing?.enabled !== true;
  if (isBack) await ctx.scheduler.runAfter(0, internal.queue.internal.resumeAgent, { agentKey });
  if (existing === null || haveCapsChanged(existing.queuePolicy, profile.queuePolicy)) {
    const fromTheStart = { poolKey, agentKey, afterRank: Number.MIN_SAFE_INTEGER };
    await ctx.scheduler.runAfter(0, internal.queue.internal.admitMore, fromTheStart);
  }
  return agentId;
}

function requireSecretsForAgents({ secretsRef, bridgeConfig }: Profile): void {
  const named = [...secretsRef, bridgeConfig?.serviceKeySecretRef, bridgeConfig?.appBaseUrlMapJsonSecretRef];
  const kept = named.find((secretRef) => secretRef !== undefined && !isForAgents(secretRef));
  if (kept === undefined) return;
  const message = `The secret "${kept}" opens the account that all machines are in, and is given to no agent. Store one of the agent's own.`;
  throw agentFactoryError("invalid_argument", message, { argument: "secretsRef" });
}

function requireBridgeConfig(config: Profile["bridgeConfig"]): void {
  if (config === undefined) return;
  requireTextWithin("bridgeConfig", JSON.stringify(config), MAX_METADATA_BYTES);
  const problem = config.baseUrl === undefined ? null : bridgeUrlProblem(config.baseUrl);
  if (problem === null) return;
  throw agentFactoryError("invalid_argument", `bridgeConfig.baseUrl ${problem}.`, { argument: "bridgeConfig" });
}

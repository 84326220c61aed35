/** Registered functions about agent profiles. */
import { v } from "convex/values";
import { vBridgeConfig } from "../../shared/bridge.js";
import { runtimeProfileFields } from "../../shared/agent-profile.js";
import { vQueuePolicy } from "../../shared/queue-policy.js";
import { vReleaseChannel } from "../../shared/skills.js";
import { vRequiredSecretRefs } from "../../shared/reports.js";
import { mutation, query } from "../functions.js";
import { findAgent, saveAgent } from "./profile.js";

export const configureAgent = mutation({
  args: {
    agentKey: v.string(),
    version: v.string(),
    displayName: v.optional(v.string()),
    secretsRef: v.array(v.string()),
    botIdentity: v.optional(v.string()),
    bridgeConfig: v.optional(vBridgeConfig),
    skillsChannel: v.optional(vReleaseChannel),
    queuePolicy: v.optional(vQueuePolicy),
    ...runtimeProfileFields,
    enabled: v.boolean(),
  },
  returns: v.string(),
  handler: async (ctx, args) => await saveAgent(ctx, args),
});

/** The secrets an agent's profile names; for no agent, what every deployment needs. */
export const getRequiredSecretRefs = query({
  args: { agentKey: v.optional(v.string()) },
  returns: vRequiredSecretRefs,
  handler: async (ctx, { agentKey }) => {
    if (agentKey === undefined) return { agentKey: null, secretRefs: ["fly.apiToken"] };
    const agent = await findAgent(ctx, agentKey);
    return { agentKey, secretRefs: agent?.secretsRef ?? [] };
  },
});

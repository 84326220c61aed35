/** Agent profiles. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vBridgeConfig } from "../../shared/bridge.js";
import { runtimeProfileFields } from "../../shared/agent-profile.js";
import { vQueuePolicy } from "../../shared/queue-policy.js";
import { vReleaseChannel } from "../../shared/skills.js";

export const agentTables = {
  /**
   * One row per agent. Written by `configureAgent`; read by enqueue, claim, hydration and the views. Lives until an
   * operator removes it.
   */
  agents: defineTable({
    agentKey: v.string(),
    version: v.string(),
    displayName: v.optional(v.string()),
    /** Names of the secrets this agent may have; never values. */
    secretsRef: v.array(v.string()),
    botIdentity: v.optional(v.string()),
    bridgeConfig: v.optional(vBridgeConfig),
    /** Whose releases of global skills it gets; default `stable`. */
    skillsChannel: v.optional(vReleaseChannel),
    /** How its messages are queued and retried; defaults where it says nothing. */
    queuePolicy: v.optional(vQueuePolicy),
    ...runtimeProfileFields,
    enabled: v.boolean(),
    /** The pool whose workers run it. */
    poolKey: v.string(),
    updatedAt: v.number(),
  }).index("by_agent_key", ["agentKey"]),
};

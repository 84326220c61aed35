/** The administrator's audience: configuration, the queue, the fleet. */
import { v } from "convex/values";
import type { ComponentApi } from "../component/_generated/component.js";
import { runtimeProfileFields } from "../shared/agent-profile.js";
import { vBridgeConfig } from "../shared/bridge.js";
import { vMessageStatus, vPayload } from "../shared/payload.js";
import { vProviderConfig, vScalingPolicy } from "../shared/provider-config.js";
import { vQueuePolicy } from "../shared/queue-policy.js";
import { vReleaseChannel } from "../shared/skills.js";
import {
  vCancellation,
  vCleanupReport,
  vIdleShutdownReport,
  vImportedSecret,
  vReconcileReport,
  vRecoveryReport,
  vRedrive,
  vRequiredSecretRefs,
  vSecretStatus,
  vVolumeDeletion,
} from "../shared/reports.js";
import {
  vBindingView,
  vFleetEventView,
  vJobView,
  vQueueHealth,
  vPoolHealth,
  vQueueItemView,
  vQueueStats,
  vSnapshotView,
  vWorkerView,
} from "../shared/views.js";
import type { Authenticate } from "./auth.js";
import { adminBuilders } from "./builders.js";
import { skillsAdminApi } from "./skills.js";

const bindingSource = v.union(v.literal("manual"), v.literal("telegram_pairing"), v.literal("api"));
const metadata = v.optional(v.record(v.string(), v.string()));
const limit = v.optional(v.number());

/** The profile `seedDefaultAgent` writes: enough to try the system, to be replaced by `configureAgent`. */
export const DEFAULT_AGENT = {
  agentKey: "default",
  version: "1",
  displayName: "Assistant",
  secretsRef: [],
  enabled: true,
};

export function adminApi(component: ComponentApi, authenticate: Authenticate) {
  const { lib } = component;
  const admin = adminBuilders(authenticate, {});
  const ofAgent = adminBuilders(authenticate, { agentKey: v.string() });
  const ofAnyAgent = adminBuilders(authenticate, { agentKey: v.optional(v.string()) });
  const ofUserAgent = adminBuilders(authenticate, { consumerUserId: v.string(), agentKey: v.string() });
  const ofConversation = adminBuilders(authenticate, { conversationId: v.string() });
  const ofAgentConversation = adminBuilders(authenticate, { conversationId: v.string(), agentKey: v.string() });
  return {
    ...skillsAdminApi(component, authenticate),
    configureAgent: ofAgent.mutation("configureAgent")({
      args: {
        version: v.string(),
        displayName: v.optional(v.string()),
        secretsRef: v.array(v.string()),
        queuePolicy: v.optional(vQueuePolicy),
        ...runtimeProfileFields,
        botIdentity: v.optional(v.string()),
        bridgeConfig: v.optional(vBridgeConfig),
        skillsChannel: v.optional(vReleaseChannel),
        enabled: v.boolean(),
      },
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.configureAgent, args),
    }),
    seedDefaultAgent: admin.mutation("seedDefaultAgent")({
      args: {},
      returns: v.string(),
      handler: async (ctx) => await ctx.runMutation(lib.configureAgent, DEFAULT_AGENT),
    }),
    bindUserAgent: ofUserAgent.mutation("bindUserAgent")({
      args: { source: v.optional(bindingSource), metadata },
      returns: vBindingView,
      handler: async (ctx, args) => await ctx.runMutation(lib.bindUserAgent, args),
    }),
    enqueue: ofAgentConversation.mutation("enqueue")({
      args: {
        payload: vPayload,
        priority: v.optional(v.number()),
        scheduledFor: v.optional(v.number()),
        blocksFollowers: v.optional(v.boolean()),
        maxAttempts: v.optional(v.number()),
      },
      returns: v.string(),
      handler: async (ctx, args) => await ctx.runMutation(lib.enqueue, args),
    }),
    queueStats: admin.query("queueStats")({
      args: {},
      returns: vQueueStats,
      handler: async (ctx) => await ctx.runQuery(lib.queueStats, {}),
    }),
    queueHealth: admin.query("queueHealth")({
      args: {},
      returns: vQueueHealth,
      handler: async (ctx) => await ctx.runQuery(lib.queueHealth, {}),
    }),
    agentQueueStats: ofAgent.query("agentQueueStats")({
      args: {},
      returns: vQueueStats,
      handler: async (ctx, args) => await ctx.runQuery(lib.agentQueueStats, args),
    }),
    cancelMessage: admin.mutation("cancelMessage")({
      args: { messageId: v.string() },
      returns: vCancellation,
      handler: async (ctx, args) => await ctx.runMutation(lib.cancelMessage, args),
    }),
    redrive: admin.mutation("redrive")({
      args: { messageId: v.string() },
      returns: vRedrive,
      handler: async (ctx, args) => await ctx.runMutation(lib.redrive, args),
    }),
    listJobsByStatus: admin.query("listJobsByStatus")({
      args: { status: vMessageStatus, limit },
      returns: v.array(vJobView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listJobsByStatus, args),
    }),
    listQueueItemsForConversation: ofConversation.query("listQueueItemsForConversation")({
      args: { limit },
      returns: v.array(vQueueItemView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listQueueItemsForConversation, args),
    }),
    listSnapshotsForConversation: ofConversation.query("listSnapshotsForConversation")({
      args: { limit },
      returns: v.array(vSnapshotView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listSnapshotsForConversation, args),
    }),
    recoverQueue: admin.mutation("recoverQueue")({
      args: {},
      returns: vRecoveryReport,
      handler: async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, {}),
    }),
    getProviderRuntimeConfig: admin.query("getProviderRuntimeConfig")({
      args: {},
      returns: v.union(vProviderConfig, v.null()),
      handler: async (ctx) => await ctx.runQuery(lib.providerRuntimeConfig, {}),
    }),
    setProviderRuntimeConfig: admin.mutation("setProviderRuntimeConfig")({
      args: { providerConfig: vProviderConfig },
      returns: v.null(),
      handler: async (ctx, args) => await ctx.runMutation(lib.setProviderRuntimeConfig, args),
    }),
    getScalingPolicy: admin.query("getScalingPolicy")({
      args: {},
      returns: vScalingPolicy,
      handler: async (ctx) => await ctx.runQuery(lib.scalingPolicy, {}),
    }),
    setScalingPolicy: admin.mutation("setScalingPolicy")({
      args: { scalingPolicy: vScalingPolicy.partial() },
      returns: v.null(),
      handler: async (ctx, args) => await ctx.runMutation(lib.setScalingPolicy, args),
    }),
    poolHealth: admin.query("poolHealth")({
      args: {},
      returns: vPoolHealth,
      handler: async (ctx) => await ctx.runQuery(lib.poolHealth, {}),
    }),
    listWorkers: admin.query("listWorkers")({
      args: { limit },
      returns: v.array(vWorkerView),
      handler: async (ctx, args) => await ctx.runQuery(lib.listWorkers, args),
    }),
    fleetTimeline: admin.query("fleetTimeline")({
      args: { workerId: v.optional(v.string()), before: v.optional(v.number()), limit },
      returns: v.array(vFleetEventView),
      handler: async (ctx, args) => await ctx.runQuery(lib.fleetTimeline, args),
    }),
    workerStats: admin.query("workerStats")({
      args: {},
      returns: v.object({ activeCount: v.number(), idleCount: v.number(), workers: v.array(vWorkerView) }),
      handler: async (ctx) => await ctx.runQuery(lib.workerStats, {}),
    }),
    startWorkers: admin.action("startWorkers")({
      args: {},
      returns: vReconcileReport,
      handler: async (ctx) => await ctx.runAction(lib.reconcileWorkers, {}),
    }),
    checkIdleShutdowns: admin.action("checkIdleShutdowns")({
      args: {},
      returns: vIdleShutdownReport,
      handler: async (ctx) => await ctx.runAction(lib.checkIdleShutdowns, {}),
    }),
    runFlyCleanup: admin.action("runFlyCleanup")({
      args: { dryRun: v.optional(v.boolean()), maxPercent: v.optional(v.number()) },
      returns: vCleanupReport,
      handler: async (ctx, args) => await ctx.runAction(lib.runFlyCleanup, args),
    }),
    wipeFlyApp: admin.action("wipeFlyApp")({
      args: { appName: v.string() },
      returns: vCleanupReport,
      handler: async (ctx, args) => await ctx.runAction(lib.wipeFlyApp, args),
    }),
    deleteFlyVolume: admin.action("deleteFlyVolume")({
      args: { appName: v.string(), volumeId: v.string() },
      returns: vVolumeDeletion,
      handler: async (ctx, args) => await ctx.runAction(lib.deleteFlyVolume, args),
    }),
    importSecret: admin.action("importSecret")({
      args: { secretRef: v.string(), plaintextValue: v.string(), metadata },
      returns: vImportedSecret,
      handler: async (ctx, args) => await ctx.runAction(lib.importSecret, args),
    }),
    secretStatus: admin.query("secretStatus")({
      args: { secretRefs: v.array(v.string()) },
      returns: v.array(vSecretStatus),
      handler: async (ctx, args) => await ctx.runQuery(lib.secretStatus, args),
    }),
    getRequiredSecretRefs: ofAnyAgent.query("getRequiredSecretRefs")({
      args: {},
      returns: vRequiredSecretRefs,
      handler: async (ctx, args) => await ctx.runQuery(lib.getRequiredSecretRefs, args),
    }),
  };
}

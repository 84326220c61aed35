/** Registered functions about the pool: configuration, reconcile, cleanup. */
import { v } from "convex/values";
import { DEFAULT_SCALING_POLICY, vProviderConfig, vScalingPolicy } from "../../shared/provider-config.js";
import { vCleanupReport, vIdleShutdownReport, vReconcileReport, vVolumeDeletion } from "../../shared/reports.js";
import { vPoolHealth, type PoolHealth } from "../../shared/views.js";
import { DEFAULT_POOL_KEY } from "../agents/profile.js";
import { action, mutation, query } from "../functions.js";
import { findRequest, requestCapacity } from "../queue/capacity.js";
import { cleanUpProvider, deleteVolume } from "./cleanup/cleanup.js";
import { requireIntegerBetween } from "../validation.js";
import { wipeProvider } from "./cleanup/wipe.js";
import { CLOSED } from "./breaker.js";
import { noteChange } from "./probe.js";
import { findPool, savePolicy, saveProviderConfig } from "./policy.js";
import { reconcilePool } from "./reconcile.js";
import { deadlineOfRunning, findRun } from "./observe.js";

export const providerRuntimeConfig = query({
  args: {},
  returns: v.union(vProviderConfig, v.null()),
  handler: async (ctx) => (await findPool(ctx, DEFAULT_POOL_KEY))?.providerConfig ?? null,
});

/** @throws `invalid_argument` naming the field and what would be right */
export const setProviderRuntimeConfig = mutation({
  args: { providerConfig: vProviderConfig },
  returns: v.null(),
  handler: async (ctx, { providerConfig }) => {
    await saveProviderConfig(ctx, DEFAULT_POOL_KEY, providerConfig);
    // Messages may have been waiting for exactly this.
    await noteChange(ctx, DEFAULT_POOL_KEY);
    return null;
  },
});

export const scalingPolicy = query({
  args: {},
  returns: vScalingPolicy,
  handler: async (ctx) => (await findPool(ctx, DEFAULT_POOL_KEY))?.scalingPolicy ?? DEFAULT_SCALING_POLICY,
});

/** Fields that are left out keep their value. @throws `invalid_argument` */
export const setScalingPolicy = mutation({
  args: { scalingPolicy: vScalingPolicy.partial() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await savePolicy(ctx, DEFAULT_POOL_KEY, args.scalingPolicy);
    await requestCapacity(ctx, DEFAULT_POOL_KEY, Date.now());
    return null;
  },
});

/** Brings the pool to what its policy and the waiting messages ask for; safe to call at any time, from anywhere. */
export const reconcileWorkers = action({
  args: {},
  returns: vReconcileReport,
  handler: async (ctx) => {
    const { activeWorkers, spawned, terminated } = await reconcilePool(ctx, DEFAULT_POOL_KEY, { isScheduled: false });
    return { activeWorkers, spawned, terminated };
  },
});

/** The same reconcile, reported as what it did to idle workers: looked at, gone, on their way out. */
export const checkIdleShutdowns = action({
  args: {},
  returns: vIdleShutdownReport,
  handler: async (ctx) => {
    const { checked, terminated, leaving, nextRunAt } = await reconcilePool(ctx, DEFAULT_POOL_KEY, {
      isScheduled: false,
    });
    return {
      checked,
      stopped: terminated,
      pending: Math.max(0, leaving - terminated),
      nextCheckScheduled: nextRunAt !== null,
    };
  },
});

function reconcileState(isRunning: boolean, scheduledAt: number | undefined): PoolHealth["reconcile"] {
  if (isRunning) return "running";
  return scheduledAt === undefined ? "idle" : "scheduled";
}

export const poolHealth = query({
  args: {},
  returns: vPoolHealth,
  handler: async (ctx) => {
    const run = await findRun(ctx, DEFAULT_POOL_KEY);
    const request = await findRequest(ctx, DEFAULT_POOL_KEY);
    const isRunning = deadlineOfRunning(run, Date.now()) !== null;
    const { state, failures, until } = run?.breaker ?? CLOSED;
    return {
      poolKey: DEFAULT_POOL_KEY,
      problem: run?.problem ?? null,
      reconcile: reconcileState(isRunning, request?.scheduledAt),
      lastReconciledAt: request === null || request.lastStartedAt === 0 ? null : request.lastStartedAt,
      breaker: { state, failures, nextTryAt: state === "open" ? until : null },
    };
  },
});

/**
 * Destroys machines and volumes that provably are this deployment's and serve nobody, and that the last cleanup saw as well; reports
 * everything else. For a nightly cron.
 *
 * `dryRun` (default false) only reports. `maxPercent` (1–100, default 50): when more of the pool's machines (or volumes)
 * look like orphans, and they are more than five, none of them is destroyed.
 */
export const runFlyCleanup = action({
  args: { dryRun: v.optional(v.boolean()), maxPercent: v.optional(v.number()) },
  returns: vCleanupReport,
  handler: async (ctx, { dryRun, maxPercent }) => {
    if (maxPercent !== undefined) requireIntegerBetween("maxPercent", maxPercent, 1, 100);
    return await cleanUpProvider(ctx, DEFAULT_POOL_KEY, { dryRun, maxPercent });
  },
});

/**
 * Tears the pool down: limits to zero, every worker fenced, every machine of the pool destroyed, and its volumes. `appName` must be the
 * configured app's. Messages stay queued; raise `maxWorkers` to go on.
 */
export const wipeFlyApp = action({
  args: { appName: v.string() },
  returns: vCleanupReport,
  handler: async (ctx, { appName }) => await wipeProvider(ctx, DEFAULT_POOL_KEY, appName),
});

export const deleteFlyVolume = action({
  args: { appName: v.string(), volumeId: v.string() },
  returns: vVolumeDeletion,
  handler: async (ctx, args) => await deleteVolume(ctx, DEFAULT_POOL_KEY, args),
});

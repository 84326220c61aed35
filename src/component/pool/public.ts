/** Registered functions about the pool: configuration, reconcile, cleanup. */
import { v } from "convex/values";
import { DEFAULT_SCALING_POLICY, vProviderConfig, vScalingPolicy } from "../../shared/provider-config.js";
import { vPoolHealth, type PoolHealth } from "../../shared/views.js";
import { DEFAULT_POOL_KEY } from "../agents/profile.js";
import { action, mutation, query } from "../functions.js";
import { findRequest, requestCapacity } from "../queue/capacity.js";
import { cleanUpProvider, deleteVolume } from "./cleanup.js";
import { findPool, savePolicy, saveProviderConfig } from "./policy.js";
import { reconcilePool } from "./reconcile.js";
import { findRun } from "./run.js";

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
    await requestCapacity(ctx, DEFAULT_POOL_KEY, Date.now());
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
  returns: v.object({ activeWorkers: v.number(), spawned: v.number(), terminated: v.number() }),
  handler: async (ctx) => await reconcilePool(ctx, DEFAULT_POOL_KEY),
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
    const isRunning = run?.status === "running" && Date.now() < run.deadlineAt;
    return {
      poolKey: DEFAULT_POOL_KEY,
      problem: run?.problem ?? null,
      reconcile: reconcileState(isRunning, request?.scheduledAt),
      lastReconciledAt: request === null || request.lastStartedAt === 0 ? null : request.lastStartedAt,
    };
  },
});

/** Destroys machines that provably are this deployment's and serve nobody; reports everything else. For a nightly cron. */
export const runFlyCleanup = action({
  args: {},
  returns: v.object({
    appName: v.string(),
    machinesFound: v.number(),
    machinesDeleted: v.number(),
    machinesRemaining: v.number(),
    machineIdsDeleted: v.array(v.string()),
    machineIdsRemaining: v.array(v.string()),
    volumesFound: v.number(),
    volumesDeleted: v.number(),
    volumesRemaining: v.number(),
    volumeIdsDeleted: v.array(v.string()),
    volumeIdsRemaining: v.array(v.string()),
    warnings: v.array(v.string()),
    errors: v.array(v.string()),
  }),
  handler: async (ctx) => await cleanUpProvider(ctx, DEFAULT_POOL_KEY),
});

export const deleteFlyVolume = action({
  args: { appName: v.string(), volumeId: v.string() },
  returns: v.object({ ok: v.boolean(), status: v.number(), message: v.string() }),
  handler: async (ctx, args) => await deleteVolume(ctx, DEFAULT_POOL_KEY, args),
});

/** Pools: where machines come from, how many there may be, and how the last attempt to keep them so went. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vProviderConfig, vScalingPolicy } from "../../shared/provider-config.js";

export const vProblem = v.object({ kind: v.string(), message: v.string(), at: v.number() });

export const poolTables = {
  /** One row per pool, rarely written: by `setProviderRuntimeConfig` and `setScalingPolicy`. Read by every reconcile. */
  pools: defineTable({
    poolKey: v.string(),
    providerConfig: v.optional(vProviderConfig),
    scalingPolicy: vScalingPolicy,
    updatedAt: v.number(),
  }).index("by_pool", ["poolKey"]),

  /**
   * One row per pool: the reconcile that acts right now, or the outcome of the last. Only `run.ts` writes it, and not at
   * all while there is nothing to do; its `generation` fences a run that was given up for dead.
   */
  poolRuns: defineTable({
    poolKey: v.string(),
    status: v.union(v.literal("idle"), v.literal("running")),
    generation: v.number(),
    /** A run that has not finished by then died; the next one takes over. */
    deadlineAt: v.number(),
    /** What kept the last run from doing its work; shown with waiting messages. */
    problem: v.optional(vProblem),
    consecutiveFailures: v.number(),
    /** Workers whose machines the acting run is freezing: nobody starts them before it is over. */
    freezing: v.optional(v.array(v.string())),
    /** Machines in a row that ended before their worker had enrolled, see `boot.ts`. */
    /** Regions that had no room for a machine, and until when they are not asked. */
    cooldowns: v.optional(v.array(v.object({ region: v.string(), until: v.number() }))),
    bootFailures: v.optional(v.object({ count: v.number(), lastAt: v.number() })),
  }).index("by_pool", ["poolKey"]),

  /** One row per pool: machines that the last cleanup took for orphans. Only `sightings.ts` writes it; read by the next cleanup. */
  cleanupSightings: defineTable({
    poolKey: v.string(),
    sightings: v.array(v.object({ machineId: v.string(), firstSeenAt: v.number() })),
  }).index("by_pool", ["poolKey"]),
};

/** Pools: where machines come from, how many there may be, and how the last attempt to keep them so went. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vBreaker } from "./breaker.js";
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
   * One row per pool: the reconcile that acts right now, or the outcome of the last. Only `run.ts` and `probe.ts` write it, and not
   * at all while there is nothing to do; its `generation` fences a run that was given up for dead.
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
    /** Whether the provider is asked; left out as long as it has never failed. */
    breaker: v.optional(vBreaker),
    /** Workers whose machines the acting run is freezing: nobody starts them before it is over. */
    freezing: v.optional(v.array(v.string())),
    /** Machines in a row that ended before their worker had enrolled, see `boot.ts`. */
    /** Regions that had no room for a machine, and until when they are not asked. */
    cooldowns: v.optional(v.array(v.object({ region: v.string(), until: v.number() }))),
    bootFailures: v.optional(v.object({ count: v.number(), lastAt: v.number() })),
  }).index("by_pool", ["poolKey"]),

  /**
   * One row per volume that was to be made and is not known to be gone, written before the provider is asked. Only `volumes.ts`
   * writes it; read when its worker's machine is made, seen or gone, and by every reconcile once it has to go.
   */
  poolVolumes: defineTable({
    poolKey: v.string(),
    workerId: v.string(),
    /** Where it lives, see `homeOf`. */
    home: v.string(),
    /** By this it is found: no two workers' volumes have the same. */
    name: v.string(),
    /** Its id, as its machine has shown it last. A move to another host changes it. */
    volumeId: v.optional(v.string()),
    /** Every create was answered: no further volume of that name can come to be. */
    isSettled: v.boolean(),
    createdAt: v.number(),
    /** When it is to be deleted, or tried again to be; absent as long as its worker is not proven gone. */
    removeAt: v.optional(v.number()),
    attempts: v.number(),
    /** What keeps it from being deleted, as the last attempt found. */
    trouble: v.optional(v.object({ kind: v.string(), message: v.string() })),
  })
    .index("by_worker", ["workerId"])
    .index("by_removal", ["poolKey", "removeAt"]),

  /**
   * One row per app and kind of call, such as `list`: when its token bucket will be full again. Only `callRates.ts` writes it, before
   * such a call.
   */
  callRates: defineTable({ home: v.string(), action: v.string(), fullAt: v.number() }).index("by_call", [
    "home",
    "action",
  ]),

  /** One row per pool: machines and volumes that the last cleanup took for orphans. Only `sightings.ts` writes it; read by the next cleanup. */
  cleanupSightings: defineTable({
    poolKey: v.string(),
    sightings: v.array(v.object({ id: v.string(), firstSeenAt: v.number() })),
  }).index("by_pool", ["poolKey"]),
};

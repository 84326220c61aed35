/** Worker lifecycle rows. */
import { defineTable } from "convex/server";
import { v } from "convex/values";
import { vIsolation, vScope } from "../../shared/scope.js";
import { vWorkerStatus } from "../../shared/views.js";

export const workerTables = {
  /**
   * One row per machine that was ever meant to exist. Written by the pool (spawn, drain, stop) and by the worker's own
   * enrollment, claims and completions, never by its heartbeat; read at every worker call and by the planner. Stopped
   * ones are kept for `STOPPED_WORKER_RETENTION_MS`.
   */
  workers: defineTable({
    workerId: v.string(),
    poolKey: v.string(),
    /** Part of the machine's name, so that a name is never used for two machines. */
    generation: v.number(),
    status: vWorkerStatus,
    statusSince: v.number(),
    /** A sentence for people: why it is in this status. */
    statusReason: v.string(),
    machineName: v.string(),
    machineId: v.optional(v.string()),
    region: v.optional(v.string()),
    /** Where its machine lives. The pool's configuration may point elsewhere by the time the machine must go. */
    providerKind: v.union(v.literal("fly"), v.literal("local")),
    appName: v.string(),
    image: v.string(),
    /** What of the pool's configuration its machine was made from; a worker of another one is replaced. */
    configKey: v.optional(v.string()),
    /** SHA-256 of the one-time enrollment credential. */
    credentialHash: v.string(),
    credentialExpiresAt: v.number(),
    /** SHA-256 of the token; absent until it has enrolled. */
    tokenHash: v.optional(v.string()),
    tokenExpiresAt: v.optional(v.number()),
    scope: v.optional(vScope),
    isolation: vIsolation,
    /** Conversations it may run at once. */
    capacity: v.number(),
    leaseDurationMs: v.number(),
    runTimeoutMs: v.number(),
    createdAt: v.number(),
    lastActiveAt: v.number(),
    stoppedAt: v.optional(v.number()),
    /** Its machine is not of a kind that can be suspended, or the provider has refused to. */
    cannotSuspend: v.optional(v.boolean()),
    /** Since when a suspended worker is wanted back; its own next call makes it active. */
    wakeRequestedAt: v.optional(v.number()),
    /** How often the provider was asked to suspend it, or to start it again, and when it may be asked once more. */
    powerAttempts: v.optional(v.number()),
    powerAt: v.optional(v.number()),
    /** How often its machine's end was asked for, and when it may be asked for again. */
    destroyAttempts: v.optional(v.number()),
    destroyAt: v.optional(v.number()),
  })
    .index("by_worker_id", ["workerId"])
    .index("by_pool_status", ["poolKey", "status"])
    .index("by_stopped", ["stoppedAt"]),

  /**
   * What happened to the fleet and why, one row per event, never changed. Written with whatever it tells about (`timeline.ts`),
   * read by `fleetTimeline`. Kept as long as stopped workers are.
   */
  fleetEvents: defineTable({
    poolKey: v.string(),
    kind: v.string(),
    workerId: v.optional(v.string()),
    machineId: v.optional(v.string()),
    from: v.optional(vWorkerStatus),
    to: v.optional(vWorkerStatus),
    reason: v.string(),
  })
    .index("by_pool", ["poolKey"])
    .index("by_worker", ["workerId"]),
};

/** Where machines come from and how many there may be, as stored once per pool: validators, defaults and limits. */
import { v, type Infer } from "convex/values";
import { vIsolation } from "./scope.js";

export const vProviderConfig = v.object({
  /** `fly`: Fly Machines. `local`: the same API at the URL bound to `AGENT_FACTORY_LOCAL_PROVIDER_URL`. */
  kind: v.union(v.literal("fly"), v.literal("local")),
  appName: v.string(),
  organizationSlug: v.optional(v.string()),
  image: v.string(),
  /** In order of preference. */
  regions: v.array(v.string()),
  guest: v.optional(
    v.object({
      cpuKind: v.union(v.literal("shared"), v.literal("performance")),
      cpus: v.number(),
      memoryMb: v.number(),
    }),
  ),
  /**
   * A volume for each machine, deleted with it; left out, workers work on their machine's own disk. `name` (at most 9 lower-case
   * letters, digits and underscores) begins the name of each; `path` is where the worker's data are; `sizeGb` is 1–500.
   */
  volume: v.optional(v.object({ name: v.string(), path: v.string(), sizeGb: v.number() })),
  /** The app's module with the functions of `exposeApi`, as workers call it. Default `"agentFactory"`. */
  functionsModule: v.optional(v.string()),
  /** More environment for the worker process. Never a secret: a provider returns it to whoever may list machines. */
  environment: v.optional(v.record(v.string(), v.string())),
});
export type ProviderConfig = Infer<typeof vProviderConfig>;

export const vScalingPolicy = v.object({
  minWorkers: v.number(),
  maxWorkers: v.number(),
  /** Workers in reserve that nobody has used yet: they sleep until a conversation needs them, and are replaced then. */
  warmWorkers: v.number(),
  conversationsPerWorker: v.number(),
  isolation: vIsolation,
  /** Machines started by one reconcile at most. */
  spawnStep: v.number(),
  /**
   * An idle worker beyond `minWorkers` and `warmWorkers` is drained after this long: one that cannot be suspended, or any when
   * this is shorter than `suspendAfterMs`.
   */
  idleTimeoutMs: v.number(),
  /** An idle worker beyond `minWorkers` and `warmWorkers` is suspended after this long; its next message brings it back. */
  suspendAfterMs: v.number(),
  /** A suspended worker that nobody needed for this long is destroyed. */
  retireAfterMs: v.number(),
  /** A machine that has not enrolled after this long is destroyed. */
  bootDeadlineMs: v.number(),
  /** A draining worker that has not finished after this long is fenced and destroyed. */
  drainDeadlineMs: v.number(),
  reconcileIntervalMs: v.number(),
  /** A worker that has not sent a heartbeat for this long loses its leases; it sends three in that time. */
  leaseDurationMs: v.number(),
  /** A turn ends after this long, whatever its heartbeats say. */
  runTimeoutMs: v.number(),
});
export type ScalingPolicy = Infer<typeof vScalingPolicy>;

export const DEFAULT_SCALING_POLICY: ScalingPolicy = {
  minWorkers: 0,
  maxWorkers: 5,
  warmWorkers: 0,
  conversationsPerWorker: 1,
  isolation: "conversation",
  spawnStep: 5,
  // Long enough to answer a follow-up without a new machine, short enough that a forgotten chat costs cents.
  idleTimeoutMs: 5 * 60_000,
  // Rent or buy, see docs/pool-economics.md: 20 s up and 20 min of storage cost about what coming back costs.
  suspendAfterMs: 20_000,
  retireAfterMs: 20 * 60_000,
  // Creating a machine takes up to low tens of seconds, an agent runtime up to 30 s more.
  bootDeadlineMs: 3 * 60_000,
  drainDeadlineMs: 2 * 60_000,
  reconcileIntervalMs: 60_000,
  // Two lost heartbeats are a hiccup, three are an outage.
  leaseDurationMs: 45_000,
  runTimeoutMs: 15 * 60_000,
};

/** Fly's smallest size that runs the worker with room for a small runtime. */
export const DEFAULT_GUEST = { cpuKind: "shared", cpus: 1, memoryMb: 512 } as const;

/** Fly suspends no machine with more; a larger one is drained when it is idle. */
export const MAX_SUSPENDABLE_MEMORY_MB = 2_048;

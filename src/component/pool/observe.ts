/** What the planner needs to know of the rows, in one read. */
import { DEFAULT_SCALING_POLICY, type ProviderConfig, type ScalingPolicy } from "../../shared/provider-config.js";
import type { Isolation } from "../../shared/scope.js";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";
import { overdueSince } from "../queue/deadlines.js";
import { readReadyLanes } from "../queue/ready.js";
import { readLiveWorkers, type LiveWorker } from "../workers/fleet.js";
import { spawnsHeldUntil, standingFailures, type BootFailures } from "./plan/boot.js";
import { CLOSED, type Breaker } from "./breaker.js";
import { homeOf } from "./homes.js";
import { configKeyOf } from "./machines.js";
import { findPool } from "./policy.js";
import type { RegionCooldown } from "./plan/regions.js";
import type { PlannedWorker, WaitingLane } from "./plan/situation.js";
import { readLeftovers, type Leftovers } from "./volumes/volumes.js";

/** What one look at the ready set reads at most. */
const MAX_WAITING = 1_000;
/** Creates are let through at one a second: more than this would keep a run, and all who wait for the next, for too long. */
const MAX_SPAWNS_PER_RUN = 20;
/** After this many failures in a row one machine at a time is asked for: enough to notice that the provider is well again. */
const FAILURES_BEFORE_PROBING = 2;

export type Observation = {
  providerConfig: ProviderConfig | null;
  policy: ScalingPolicy;
  spawnLimit: number;
  spawnHeldUntil: number | null;
  bootFailures: BootFailures | null;
  cooldowns: RegionCooldown[];
  breaker: Breaker;
  /** Volumes that are to go. */
  leftovers: Leftovers;
  workers: PlannedWorker[];
  waiting: WaitingLane[];
  sweepDue: boolean;
  /** When the run that acts right now will be taken for dead; `null` when none does. */
  runDeadlineAt: number | null;
  /** Counts the runs that acted. */
  runGeneration: number;
};

export async function findRun(ctx: QueryCtx, poolKey: string): Promise<Doc<"poolRuns"> | null> {
  return await ctx.db
    .query("poolRuns")
    .withIndex("by_pool", (range) => range.eq("poolKey", poolKey))
    .unique();
}

export function deadlineOfRunning(run: Doc<"poolRuns"> | null, now: number): number | null {
  return run?.status === "running" && now < run.deadlineAt ? run.deadlineAt : null;
}

/** Costs up to three documents per live worker, and the conversations that wait. */
export async function observe(ctx: QueryCtx, poolKey: string): Promise<Observation> {
  const now = Date.now();
  const pool = await findPool(ctx, poolKey);
  const policy = pool?.scalingPolicy ?? DEFAULT_SCALING_POLICY;
  const workers = await readLiveWorkers(ctx, poolKey);
  // More demand than the pool could ever meet at once says nothing new.
  const useful = Math.min(MAX_WAITING, policy.maxWorkers * policy.conversationsPerWorker + 1);
  const lanes = await readReadyLanes(ctx, poolKey, useful);
  const run = await findRun(ctx, poolKey);
  const configKey = pool?.providerConfig === undefined ? undefined : configKeyOf(pool.providerConfig);
  const planned = workers.map((live) => plannedWorker(live, { configKey, isolation: policy.isolation }));
  const bootFailures = standingFailures(run?.bootFailures, { workers: planned, changedAt: pool?.updatedAt ?? 0 });
  const spawnHeldUntil = bootFailures === null ? null : spawnsHeldUntil(bootFailures);
  const isProbing = bootFailures !== null || (run?.consecutiveFailures ?? 0) >= FAILURES_BEFORE_PROBING;
  const leftovers = await readLeftovers(ctx, poolKey, policy.maxWorkers);
  const isHeld = (spawnHeldUntil !== null && now < spawnHeldUntil) || leftovers.isTooMany;
  const most = isProbing ? 1 : Math.min(policy.spawnStep, MAX_SPAWNS_PER_RUN);
  return {
    providerConfig: pool?.providerConfig ?? null,
    policy,
    spawnLimit: isHeld ? 0 : most,
    spawnHeldUntil,
    bootFailures,
    cooldowns: run?.cooldowns ?? [],
    breaker: run?.breaker ?? CLOSED,
    leftovers,
    workers: planned,
    waiting: lanes.map(({ conversationId, agentKey, consumerUserId }) => ({
      conversationId,
      agentKey,
      consumerUserId: consumerUserId ?? null,
    })),
    sweepDue: (await overdueSince(ctx, poolKey, now)) !== null,
    runDeadlineAt: deadlineOfRunning(run, now),
    runGeneration: run?.generation ?? 0,
  };
}

/** What machines are made from today. */
type Current = { configKey: string | undefined; isolation: Isolation };

function plannedWorker({ worker, load, heartbeatExpiresAt }: LiveWorker, current: Current): PlannedWorker {
  const { configKey, isolation } = current;
  const isOther = configKey !== undefined && worker.configKey !== undefined && worker.configKey !== configKey;
  // Under another isolation it would go on to serve whom the policy no longer lets share a machine.
  const isOutdated = isOther || worker.isolation !== isolation;
  return {
    ...(isOutdated ? { isOutdated } : {}),
    workerId: worker.workerId,
    status: worker.status,
    machineName: worker.machineName,
    machineId: worker.machineId ?? null,
    home: homeOf({ kind: worker.providerKind, appName: worker.appName }),
    scope: worker.scope ?? null,
    isolation: worker.isolation,
    capacity: worker.capacity,
    load,
    statusSince: worker.statusSince,
    createdAt: worker.createdAt,
    lastActiveAt: worker.lastActiveAt,
    heartbeatExpiresAt,
    leaseDurationMs: worker.leaseDurationMs,
    destroyAt: worker.destroyAt ?? 0,
    canSuspend: worker.cannotSuspend !== true,
    wakeRequestedAt: worker.wakeRequestedAt ?? null,
    powerAttempts: worker.powerAttempts ?? 0,
    powerAt: worker.powerAt ?? 0,
  };
}

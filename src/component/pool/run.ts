/**
 * The reconcile as rows: what it looks at, the one transaction that turns a plan into intents, and how it ended.
 *
 * Only this file writes `poolRuns`. Intents are rows before they are provider calls, and they are planned from the rows
 * of the very transaction that writes them: however many reconciles run at once, no machine is wanted twice.
 */
import type { Infer } from "convex/values";
import { backoffMs, DEFAULT_BACKOFF, unitFromText } from "../../shared/backoff.js";
import { DEFAULT_SCALING_POLICY, type ProviderConfig, type ScalingPolicy } from "../../shared/provider-config.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import type { ObservedMachine } from "../providers/provider.js";
import { requestCapacity, settleRequest } from "../queue/capacity.js";
import { isSweepDue, readReadyLanes } from "../queue/ready.js";
import { moveWorker, readLiveWorkers, recordMachine, recordSpawn } from "../workers/fleet.js";
import { plan, type PlanAction, type PlannedWorker, type WaitingLane } from "./plan.js";
import { findPool } from "./policy.js";
import type { vProblem } from "./tables.js";

/** Longer than any healthy run: a few provider calls of at most a minute each. A run that takes longer is taken for dead. */
export const RUN_DEADLINE_MS = 5 * 60_000;
/** What one look at the ready set reads at most. */
const MAX_WAITING = 1_000;

export type Observation = {
  providerConfig: ProviderConfig | null;
  policy: ScalingPolicy;
  workers: PlannedWorker[];
  waiting: WaitingLane[];
  sweepDue: boolean;
  isRunning: boolean;
};

export async function findRun(ctx: QueryCtx, poolKey: string): Promise<Doc<"poolRuns"> | null> {
  return await ctx.db
    .query("poolRuns")
    .withIndex("by_pool", (range) => range.eq("poolKey", poolKey))
    .unique();
}

/** Everything the planner needs of the rows. Costs three documents per live worker and the conversations that wait. */
export async function observe(ctx: QueryCtx, poolKey: string): Promise<Observation> {
  const now = Date.now();
  const pool = await findPool(ctx, poolKey);
  const policy = pool?.scalingPolicy ?? DEFAULT_SCALING_POLICY;
  const workers = (await readLiveWorkers(ctx, poolKey)).map(({ worker, load, heartbeatExpiresAt }) =>
    plannedWorker(worker, load, heartbeatExpiresAt),
  );
  // More demand than the pool could ever meet at once says nothing new.
  const useful = Math.min(MAX_WAITING, policy.maxWorkers * policy.conversationsPerWorker + 1);
  const lanes = await readReadyLanes(ctx, poolKey, useful);
  const run = await findRun(ctx, poolKey);
  return {
    providerConfig: pool?.providerConfig ?? null,
    policy,
    workers,
    waiting: lanes.map(({ conversationId, agentKey, consumerUserId }) => ({
      conversationId,
      agentKey,
      consumerUserId: consumerUserId ?? null,
    })),
    sweepDue: await isSweepDue(ctx, poolKey, now),
    isRunning: run?.status === "running" && now < run.deadlineAt,
  };
}

function plannedWorker(worker: Doc<"workers">, load: number, heartbeatExpiresAt: number | null): PlannedWorker {
  return {
    workerId: worker.workerId,
    status: worker.status,
    machineName: worker.machineName,
    machineId: worker.machineId ?? null,
    scope: worker.scope ?? null,
    isolation: worker.isolation,
    capacity: worker.capacity,
    load,
    statusSince: worker.statusSince,
    createdAt: worker.createdAt,
    lastActiveAt: worker.lastActiveAt,
    heartbeatExpiresAt,
  };
}

/** Identities for workers the plan may ask for, minted where there is true randomness. */
export type SpawnTicket = { workerId: string; credentialHash: string };

export type ProviderStep =
  | { kind: "create"; workerId: string; machineName: string }
  | { kind: "destroy"; workerId: string; machineId: string | null; mayStillAppear: boolean }
  | { kind: "destroy_orphan"; machineId: string };

export type CommittedPlan = { generation: number; steps: ProviderStep[]; drained: number };

/**
 * Plans on the rows as they are now, writes every intent, and returns what is left to do at the provider; `null` when
 * another run is at it (it will see what this one saw, or be followed by one that does).
 */
export async function commitPlan(
  ctx: MutationCtx,
  poolKey: string,
  { machines, tickets }: { machines: ObservedMachine[]; tickets: SpawnTicket[] },
): Promise<CommittedPlan | null> {
  const now = Date.now();
  const { isRunning, providerConfig, policy, workers, waiting } = await observe(ctx, poolKey);
  if (providerConfig === null) return null;
  if (isRunning) {
    await requestCapacity(ctx, poolKey, now);
    return null;
  }
  const run = await findRun(ctx, poolKey);
  const generation = (run?.generation ?? 0) + 1;
  const started = { status: "running" as const, generation, deadlineAt: now + RUN_DEADLINE_MS };
  if (run === null) await ctx.db.insert("poolRuns", { poolKey, ...started, consecutiveFailures: 0 });
  else await ctx.db.patch("poolRuns", run._id, started);
  // Should the action die now, this is what notices.
  await requestCapacity(ctx, poolKey, started.deadlineAt);

  const spare = [...tickets];
  const committed: CommittedPlan = { generation, steps: [], drained: 0 };
  for (const action of plan({ now, policy, workers, waiting, machines })) {
    const step = await applyAction(ctx, poolKey, action, { providerConfig, policy, workers, now, spare });
    if (step !== null) committed.steps.push(step);
    if (action.kind === "drain") committed.drained += 1;
  }
  return committed;
}

type ApplyContext = {
  providerConfig: ProviderConfig;
  policy: ScalingPolicy;
  workers: PlannedWorker[];
  now: number;
  spare: SpawnTicket[];
};

async function applyAction(
  ctx: MutationCtx,
  poolKey: string,
  action: PlanAction,
  { providerConfig, policy, workers, now, spare }: ApplyContext,
): Promise<ProviderStep | null> {
  switch (action.kind) {
    case "spawn": {
      const ticket = spare.pop();
      if (ticket === undefined) return null;
      // Each row is spawned once, so its generation is 1; the name says so, for whatever replaces it under the same id.
      const generation = 1;
      const machineName = `${poolKey}-${ticket.workerId}-g${generation}`;
      const { appName, image } = providerConfig;
      const { leaseDurationMs, runTimeoutMs } = policy;
      const identity = { ...ticket, poolKey, generation, machineName, appName, image, leaseDurationMs, runTimeoutMs };
      await recordSpawn(ctx, { ...identity, statusReason: action.reason }, policy);
      return { kind: "create", workerId: ticket.workerId, machineName };
    }
    case "adopt":
      await recordMachine(ctx, action.workerId, { machineId: action.machineId, region: action.region });
      return null;
    case "drain":
      await moveWorker(ctx, action.workerId, "drain_requested", action.reason);
      return null;
    case "fence":
      // The row first: it takes the leases away. Its machine is what the next run plans to destroy.
      await moveWorker(ctx, action.workerId, "lost", action.reason);
      return null;
    case "destroy": {
      const worker = workers.find(({ workerId }) => workerId === action.workerId);
      if (worker === undefined) return null;
      const { workerId, machineId } = action;
      const mayStillAppear = machineId === null && now - worker.createdAt < policy.bootDeadlineMs;
      return { kind: "destroy", workerId, machineId, mayStillAppear };
    }
    case "destroy_orphan":
      return { kind: "destroy_orphan", machineId: action.machineId };
  }
}

export type Outcome = {
  startedAt: number;
  /** `null` for a run that had nothing to do and therefore never took the pool. */
  generation: number | null;
  problem: { kind: string; message: string } | null;
  nextAt: number | null;
};

/** Ends a run and schedules the next look at the pool. Writes one row when there was nothing to do and nothing to say. */
export async function finishRun(ctx: MutationCtx, poolKey: string, outcome: Outcome): Promise<void> {
  const run = await findRun(ctx, poolKey);
  const now = Date.now();
  const acted = outcome.generation !== null && run?.generation === outcome.generation;
  const failures = outcome.problem === null ? 0 : (run?.consecutiveFailures ?? 0) + 1;
  const changed = acted || outcome.problem !== null || run?.problem !== undefined;
  const problem: Infer<typeof vProblem> | undefined =
    outcome.problem === null ? undefined : { ...outcome.problem, at: now };
  if (run !== null && changed) {
    await ctx.db.patch("poolRuns", run._id, {
      problem,
      consecutiveFailures: failures,
      ...(acted ? { status: "idle" as const } : {}),
    });
  } else if (run === null && problem !== undefined) {
    const first = { status: "idle" as const, generation: 0, deadlineAt: 0, consecutiveFailures: failures };
    await ctx.db.insert("poolRuns", { poolKey, problem, ...first });
  }
  if (problem !== undefined) ctx.log.warn("pool.problem", { poolKey, kind: problem.kind, failures });
  // Failing again and again must not become a loop on the bill: the wait grows, up to two minutes.
  const retryAt =
    failures === 0 ? null : now + backoffMs(DEFAULT_BACKOFF, failures + 1, unitFromText(`${poolKey}${now}`));
  await settleRequest(ctx, poolKey, {
    startedAt: outcome.startedAt,
    nextAt: retryAt ?? outcome.nextAt,
  });
}

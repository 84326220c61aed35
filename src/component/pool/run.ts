/**
 * The reconcile as rows: the one transaction that turns a plan into intents, and how a run ended.
 *
 * Only this file writes `poolRuns`. Intents are rows before they are provider calls, and only the one run that acts
 * writes them: however many reconciles run at once, no machine is wanted twice.
 */
import type { Infer } from "convex/values";
import { backoffMs, DEFAULT_BACKOFF, unitFromText, type BackoffPolicy } from "../../shared/backoff.js";
import { DEFAULT_GUEST, MAX_SUSPENDABLE_MEMORY_MB, type ProviderConfig } from "../../shared/provider-config.js";
import { internal } from "../_generated/api.js";
import type { MutationCtx } from "../functions.js";
import type { MachineState } from "../providers/provider.js";
import { requestCapacity, settleRequest } from "../queue/capacity.js";
import { moveWorker, readLiveWorker, recordDestroy, recordMachine, recordSpawn } from "../workers/fleet.js";
import { keepAwake, recordResume, recordSuspend } from "../workers/suspension.js";
import { recordEvent } from "../workers/timeline.js";
import type { BootFailures } from "./boot.js";
import { deadlineOfRunning, findRun, type Observation } from "./observe.js";
import { plan } from "./plan.js";
import { nextCooldowns } from "./regions.js";
import type { PlanAction, PlannedWorker, SeenMachine } from "./situation.js";
import type { vProblem } from "./tables.js";

/**
 * Steps that have not begun by then are left to the next run, and those that have try nothing new: even if every answer
 * takes as long as the client waits for it, the run ends before it is taken for dead.
 */
export const STEPS_BUDGET_MS = 45_000;
/** Longer than any run, see `STEPS_BUDGET_MS`: one that has not ended by then died, and the next takes over. */
export const RUN_DEADLINE_MS = 2 * 60_000;
/**
 * A machine that does not go is asked again, ever less often, up to once a minute: as long as it is there it takes a place
 * that a message may be waiting for.
 */
const DESTROY_BACKOFF: BackoffPolicy = { baseMs: 4_000, factor: 2, capMs: 60_000, jitter: 0.1 };

/**
 * A machine may be unknown where one looks for as long as it is a minute old, and it may be younger than its row by what a run
 * has time for. After that, not to be found is to be gone.
 */
const UNFAMILIAR_MS = 60_000 + STEPS_BUDGET_MS;
/** A machine that is asked to freeze, or to start again, does so within a second or two. */
const POWER_BACKOFF: BackoffPolicy = { baseMs: 5_000, factor: 2, capMs: 60_000, jitter: 0.1 };

/** Identities for workers the plan may ask for, minted where there is true randomness. */
export type SpawnTicket = { workerId: string; credentialHash: string };

/** What a run saw at the provider. */
export type Seen = { machines: SeenMachine[]; unlistedHomes: string[]; tickets: SpawnTicket[] };

export type ProviderStep =
  | { kind: "create"; workerId: string; machineName: string }
  | {
      kind: "destroy";
      workerId: string;
      machineId: string;
      home: string;
      attempt: number;
      /** As listed a moment ago; `null` when it was not. */
      state: MachineState | null;
      /** A provider that does not know the machine may simply not know it yet. */
      isYoung: boolean;
    }
  | { kind: "suspend" | "resume"; workerId: string; machineId: string; home: string }
  | { kind: "destroy_orphan"; machineId: string; home: string };

export type CommittedPlan = { generation: number; steps: ProviderStep[]; drained: number };

/**
 * Plans once more, writes every intent, and returns what is left to do at the provider; `null` when another run is at it
 * (it will see what this one saw, or be followed by one that does).
 *
 * The rows are read from a snapshot without read dependencies, or every heartbeat in the pool would conflict with this
 * transaction. What makes it safe: only this transaction adds workers, which the run row serializes, and each worker an action is
 * about is read again before it is touched.
 */
export async function commitPlan(ctx: MutationCtx, poolKey: string, seen: Seen): Promise<CommittedPlan | null> {
  const now = Date.now();
  const run = await findRun(ctx, poolKey);
  const runDeadlineAt = deadlineOfRunning(run, now);
  if (runDeadlineAt !== null) {
    await requestCapacity(ctx, poolKey, runDeadlineAt);
    return null;
  }
  const observation: Observation = await ctx.runQuery(
    internal.pool.internal.observation,
    { poolKey },
    { useStaleSnapshot: true },
  );
  const { providerConfig } = observation;
  if (providerConfig === null) return null;
  const lastGeneration = run?.generation ?? 0;
  if (observation.runGeneration !== lastGeneration) {
    // The snapshot is older than the last run: what that one wanted would be wanted a second time.
    await requestCapacity(ctx, poolKey, now);
    return null;
  }
  const generation = lastGeneration + 1;
  const started = { status: "running" as const, generation, deadlineAt: now + RUN_DEADLINE_MS };
  if (run === null) await ctx.db.insert("poolRuns", { poolKey, ...started, consecutiveFailures: 0 });
  else await ctx.db.patch("poolRuns", run._id, started);
  // Should the action die now, this is what notices.
  await requestCapacity(ctx, poolKey, started.deadlineAt);

  const committed: CommittedPlan = { generation, steps: [], drained: 0 };
  let failedBoots = 0;
  const scene: Scene = { poolKey, observation, providerConfig, tickets: [...seen.tickets], now };
  for (const action of plan({ ...observation, ...seen, now })) {
    const step = await applyAction(ctx, action, scene);
    if (step !== null) committed.steps.push(step);
    if (action.kind === "drain") committed.drained += 1;
    if (action.kind === "fence") failedBoots += Number(isStarting(observation, action.workerId));
  }
  await noteBoots(ctx, poolKey, observation.bootFailures, failedBoots);
  return committed;
}

function isStarting({ workers }: Observation, workerId: string): boolean {
  return workers.some((worker) => worker.workerId === workerId && worker.status === "starting");
}

/** Counts machines that ended before their worker had enrolled; forgets them once one has. */
async function noteBoots(
  ctx: MutationCtx,
  poolKey: string,
  standing: BootFailures | null,
  failed: number,
): Promise<void> {
  const run = await findRun(ctx, poolKey);
  if (run === null || (failed === 0 && (standing !== null || run.bootFailures === undefined))) return;
  const bootFailures = failed === 0 ? undefined : { count: (standing?.count ?? 0) + failed, lastAt: Date.now() };
  await ctx.db.patch("poolRuns", run._id, { bootFailures });
}

type Scene = {
  poolKey: string;
  observation: Observation;
  providerConfig: ProviderConfig;
  tickets: SpawnTicket[];
  now: number;
};

async function applyAction(ctx: MutationCtx, action: PlanAction, scene: Scene): Promise<ProviderStep | null> {
  if (action.kind === "spawn") return await applySpawn(ctx, action.reason, scene);
  if (action.kind === "destroy_orphan") {
    const { machineId, reason } = action;
    await recordEvent(ctx, { poolKey: scene.poolKey, kind: "orphan_destroyed", machineId, reason });
    return { kind: "destroy_orphan", machineId: action.machineId, home: action.home };
  }
  const { workerId, reason } = action;
  const planned = scene.observation.workers.find((worker) => worker.workerId === workerId);
  if (planned === undefined || !(await isAsPlanned(ctx, action, planned))) {
    // The place that this would have freed is one that the plan may have counted on.
    if (action.kind === "forget") scene.tickets.pop();
    return null;
  }
  switch (action.kind) {
    case "adopt":
      await recordMachine(ctx, workerId, { machineId: action.machineId, region: action.region });
      return null;
    case "drain":
      await moveWorker(ctx, workerId, "drain_requested", reason);
      // Who sleeps has nothing to finish, and would have to be woken to be told so.
      if (planned.status !== "suspended" || planned.machineId === null) return null;
      return await applyDestroy(ctx, planned, planned.machineId, "suspended", scene);
    case "suspend": {
      await recordSuspend(ctx, workerId, { reason, retryAfterMs: waitsFor(POWER_BACKOFF, workerId) });
      return { kind: "suspend", workerId, machineId: action.machineId, home: planned.home };
    }
    case "resume":
      await recordResume(ctx, workerId, { reason, retryAfterMs: waitsFor(POWER_BACKOFF, workerId) });
      return { kind: "resume", workerId, machineId: action.machineId, home: planned.home };
    case "keep_awake":
      await keepAwake(ctx, workerId, reason);
      return null;
    case "forget":
      await moveWorker(ctx, workerId, "gone", reason);
      return null;
    case "fence":
      // The row first: it takes the leases away, so that whatever its machine still does changes nothing any more.
      await moveWorker(ctx, workerId, "lost", reason);
      return action.machineId === null ? null : await applyDestroy(ctx, planned, action.machineId, action.state, scene);
    case "destroy":
      return await applyDestroy(ctx, planned, action.machineId, action.state, scene);
  }
}

/** False when the worker has moved on since the snapshot the plan was made from; the next run sees it as it is then. */
async function isAsPlanned(ctx: MutationCtx, action: PlanAction, planned: PlannedWorker): Promise<boolean> {
  const fresh = await readLiveWorker(ctx, planned.workerId);
  if (fresh === null || fresh.worker.status !== planned.status) return false;
  if (action.kind === "drain") return fresh.load === 0;
  if (action.kind === "suspend") return fresh.load === 0 && fresh.worker.wakeRequestedAt === undefined;
  if (action.kind === "fence") return fresh.heartbeatExpiresAt === planned.heartbeatExpiresAt;
  if (action.kind === "forget") return fresh.worker.machineId === undefined;
  return true;
}

async function applySpawn(ctx: MutationCtx, statusReason: string, scene: Scene): Promise<ProviderStep | null> {
  const { poolKey, providerConfig, observation } = scene;
  const ticket = scene.tickets.pop();
  if (ticket === undefined) return null;
  // Each row is spawned once, so its generation is 1; the name says so, for whatever replaces it under the same id.
  const generation = 1;
  const machineName = `${poolKey}-${ticket.workerId}-g${generation}`;
  const { kind: providerKind, appName, image } = providerConfig;
  const { leaseDurationMs, runTimeoutMs } = observation.policy;
  const machine = { machineName, providerKind, appName, image };
  const cannotSuspend = (providerConfig.guest ?? DEFAULT_GUEST).memoryMb > MAX_SUSPENDABLE_MEMORY_MB;
  const intent = {
    ...ticket,
    ...machine,
    poolKey,
    generation,
    statusReason,
    leaseDurationMs,
    runTimeoutMs,
    ...(cannotSuspend ? { cannotSuspend } : {}),
  };
  await recordSpawn(ctx, intent, observation.policy);
  return { kind: "create", workerId: ticket.workerId, machineName };
}

async function applyDestroy(
  ctx: MutationCtx,
  { workerId, home, createdAt }: PlannedWorker,
  machineId: string,
  state: MachineState | null,
  { now }: Scene,
): Promise<ProviderStep> {
  const retryAfterMs = waitsFor(DESTROY_BACKOFF, workerId);
  const attempt = await recordDestroy(ctx, workerId, { machineId, retryAfterMs });
  return { kind: "destroy", workerId, machineId, home, attempt, state, isYoung: now - createdAt < UNFAMILIAR_MS };
}

function waitsFor(policy: BackoffPolicy, workerId: string): (attempt: number) => number {
  return (attempt) => backoffMs(policy, attempt, unitFromText(`${workerId}${attempt}`));
}

export type Problem = { kind: string; message: string };

export type Outcome = {
  startedAt: number;
  /** `null` for a run that had nothing to do and therefore never took the pool. */
  generation: number | null;
  /** Another run is at it: this one has learned nothing about how the pool is. */
  stoodAside: boolean;
  problem: Problem | null;
  /** The problem is one that the next run would only meet again: wait longer each time. */
  backOff: boolean;
  /** Regions that had no room for a machine. */
  fullRegions: string[];
  nextAt: number | null;
  /** Messages wait for a place in a pool that has none. */
  isFull: boolean;
};

/** Ends a run and schedules the next look at the pool. Writes one row when there was nothing to do and nothing to say. */
export async function finishRun(ctx: MutationCtx, poolKey: string, outcome: Outcome): Promise<void> {
  const { startedAt, nextAt } = outcome;
  if (outcome.stoodAside) {
    await settleRequest(ctx, poolKey, { startedAt, nextAt });
    return;
  }
  const run = await findRun(ctx, poolKey);
  const now = Date.now();
  const acted = outcome.generation !== null && run?.generation === outcome.generation;
  const failures = outcome.backOff ? (run?.consecutiveFailures ?? 0) + 1 : 0;
  const problem: Infer<typeof vProblem> | undefined =
    outcome.problem === null ? undefined : { ...outcome.problem, at: now };
  const isNews = acted || problem !== undefined || run?.problem !== undefined || run?.consecutiveFailures !== failures;
  if (run !== null && isNews) {
    const ended = acted ? { status: "idle" as const } : {};
    const cooldowns = nextCooldowns(run.cooldowns ?? [], outcome.fullRegions, now);
    await ctx.db.patch("poolRuns", run._id, {
      problem,
      consecutiveFailures: failures,
      cooldowns: cooldowns.length === 0 ? undefined : cooldowns,
      ...ended,
    });
  } else if (run === null && problem !== undefined) {
    const first = { status: "idle" as const, generation: 0, deadlineAt: 0, consecutiveFailures: failures };
    await ctx.db.insert("poolRuns", { poolKey, problem, ...first });
  }
  // Told when it begins and when it is over, not at every try in between.
  if (run?.problem?.kind !== problem?.kind) {
    const [kind, reason] =
      problem === undefined
        ? ["recovered", "The provider does what it is asked for again."]
        : ["problem", problem.message];
    await recordEvent(ctx, { poolKey, kind, reason });
  }
  if (problem !== undefined) ctx.log.warn("pool.problem", { poolKey, kind: problem.kind, failures });
  // Failing again and again must not become a loop on the bill, however many messages come meanwhile.
  const heldUntil = now + backoffMs(DEFAULT_BACKOFF, failures + 1, unitFromText(`${poolKey}${now}`));
  await settleRequest(ctx, poolKey, {
    startedAt,
    nextAt: outcome.backOff ? heldUntil : nextAt,
    learned: { heldUntil: outcome.backOff ? heldUntil : null, isFull: outcome.isFull },
  });
}

/**
 * The reconcile as rows: the one transaction that turns a plan into intents, and how a run ended.
 *
 * Only this file and `probe.ts` write `poolRuns`. Intents are rows before they are provider calls, and only the one run that acts
 * writes them: however many reconciles run at once, no machine is wanted twice.
 */
import type { Infer } from "convex/values";
import { backoffMs, DEFAULT_BACKOFF, unitFromText } from "../../shared/backoff.js";
import { internal } from "../_generated/api.js";
import type { MutationCtx } from "../functions.js";
import { requestCapacity, settleRequest } from "../queue/capacity.js";
import { recordEvent } from "../workers/timeline.js";
import { afterFault, CLOSED, closed, faultOf, type Breaker } from "./breaker.js";
import type { BootFailures } from "./plan/boot.js";
import { applyAction, type ProviderStep, type Scene, type SpawnTicket } from "./intents.js";
import { deadlineOfRunning, findRun, type Observation } from "./observe.js";
import { plan } from "./plan/plan.js";
import type { Problem } from "./problem.js";
import { nextCooldowns } from "./plan/regions.js";
import type { SeenMachine } from "./plan/situation.js";
import type { vProblem } from "./tables.js";

/** Longer than any run, see `STEPS_BUDGET_MS`: one that has not ended by then died, and the next takes over. */
export const RUN_DEADLINE_MS = 2 * 60_000;
/** What a run saw at the provider. */
export type Seen = { machines: SeenMachine[]; unlistedHomes: string[]; tickets: SpawnTicket[] };

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
  const scene: Scene = {
    poolKey,
    observation,
    providerConfig,
    tickets: [...seen.tickets],
    machines: seen.machines,
    now,
  };
  for (const action of plan({ ...observation, ...seen, now })) {
    const step = await applyAction(ctx, action, scene);
    if (step !== null) committed.steps.push(step);
    if (action.kind === "drain") committed.drained += 1;
    if (action.kind === "fence") failedBoots += Number(isStarting(observation, action.workerId));
  }
  await noteFreezing(ctx, poolKey, committed.steps);
  await noteBoots(ctx, poolKey, observation.bootFailures, failedBoots);
  return committed;
}

async function noteFreezing(ctx: MutationCtx, poolKey: string, steps: ProviderStep[]): Promise<void> {
  const run = await findRun(ctx, poolKey);
  const freezing = steps.flatMap((step) => (step.kind === "suspend" ? [step.workerId] : []));
  if (run === null || (freezing.length === 0 && run.freezing === undefined)) return;
  await ctx.db.patch("poolRuns", run._id, { freezing: freezing.length === 0 ? undefined : freezing });
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
  /** Workers sleep that a message could wake; as before when left out. */
  hasSleepers?: boolean | undefined;
};

/** Ends a run and schedules the next look at the pool. Writes one row when there was nothing to do and nothing to say. */
export async function finishRun(ctx: MutationCtx, poolKey: string, reported: Outcome): Promise<void> {
  const { startedAt } = reported;
  if (reported.stoodAside) {
    await settleRequest(ctx, poolKey, { startedAt, nextAt: reported.nextAt });
    return;
  }
  const run = await findRun(ctx, poolKey);
  const now = Date.now();
  const standing = run?.breaker ?? CLOSED;
  // How it failed says nothing about what somebody has changed while it ran: that is tried at once.
  const isOutdated = reported.backOff && standing.state === "closed" && startedAt < standing.since;
  const outcome = isOutdated ? { ...reported, backOff: false, nextAt: now } : reported;
  const breaker = isOutdated ? standing : breakerAfter(standing, outcome, now);
  const acted = outcome.generation !== null && run?.generation === outcome.generation;
  const failures = outcome.backOff ? (run?.consecutiveFailures ?? 0) + 1 : 0;
  const problem: Infer<typeof vProblem> | undefined =
    outcome.problem === null ? undefined : { ...outcome.problem, at: now };
  const isNews =
    acted ||
    problem !== undefined ||
    run?.problem !== undefined ||
    run?.consecutiveFailures !== failures ||
    breaker.state !== standing.state ||
    breaker.failures !== standing.failures;
  if (run !== null && isNews) {
    const ended = acted ? { status: "idle" as const, freezing: undefined } : {};
    const cooldowns = nextCooldowns(run.cooldowns ?? [], outcome.fullRegions, now);
    await ctx.db.patch("poolRuns", run._id, {
      problem,
      consecutiveFailures: failures,
      breaker,
      cooldowns: cooldowns.length === 0 ? undefined : cooldowns,
      ...ended,
    });
  } else if (run === null && problem !== undefined) {
    const first = { status: "idle" as const, generation: 0, deadlineAt: 0, consecutiveFailures: failures, breaker };
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
  if (breaker.state === "open" && standing.state === "closed") {
    const reason = `The provider failed ${breaker.failures} times in a row and is left alone, but for one try now and then, until it answers or somebody stores another token or configuration.`;
    await recordEvent(ctx, { poolKey, kind: "provider_paused", reason });
  }
  if (problem !== undefined) ctx.log.warn("pool.problem", { poolKey, kind: problem.kind, failures });
  // Failing again and again must not become a loop on the bill, however many messages come meanwhile.
  const retryAt = now + backoffMs(DEFAULT_BACKOFF, failures + 1, unitFromText(`${poolKey}${now}`));
  const isOpen = breaker.state === "open";
  const heldUntil = isOpen ? breaker.until : outcome.backOff ? retryAt : null;
  await settleRequest(ctx, poolKey, {
    startedAt,
    nextAt: outcome.backOff ? heldUntil : outcome.nextAt,
    learned: {
      heldUntil,
      isFull: outcome.isFull,
      // Who is left alone is not asked to start anything either.
      hasSleepers: isOpen ? false : outcome.hasSleepers,
    },
  });
}

/** Problems that a run meets before it has asked the provider for anything. */
const NOT_ASKED: ReadonlySet<string> = new Set([
  "provider_config_missing",
  "secret_missing",
  "secret_unreadable",
  "encryption_key_missing",
  "encryption_key_invalid",
  "internal_error",
]);

function breakerAfter(standing: Breaker, { problem, backOff, generation }: Outcome, now: number): Breaker {
  const fault = problem === null ? null : faultOf(problem.kind);
  if (problem !== null && NOT_ASKED.has(problem.kind)) return standing;
  if (fault === null) return closed(standing, "answered", now);
  // A step that has its own patience, such as a destroy, says nothing about the rest of what the provider does.
  return backOff || generation === null ? afterFault(standing, fault, now) : standing;
}

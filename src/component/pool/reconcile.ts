/** One reconcile, as the action that carries it out: look, list once, plan, and take every step where dying between two lines is harmless. */
import { internal } from "../_generated/api.js";
import { env } from "../_generated/server.js";
import type { ActionCtx } from "../functions.js";
import { RECONCILE_WINDOW_MS } from "../queue/capacity.js";
import { providerConfigMissing } from "./providers.js";
import { bootProblem } from "./plan/boot.js";
import { mayAsk } from "./breaker.js";
import { askForLeave } from "./callRates.js";
import { isAsleep } from "./plan/demand.js";
import { homeOf } from "./homes.js";
import { listHomes } from "./listHomes.js";
import type { Ownership } from "./machines.js";
import type { Observation } from "./observe.js";
import { tendLeftovers } from "./volumes/leftoverVolumes.js";
import { isFull, nextDeadline, plan } from "./plan/plan.js";
import { describeProblem } from "./problem.js";
import { Providers } from "./providers.js";
import type { CommittedPlan, Outcome, Seen } from "./run.js";
import type { PlanInput } from "./plan/situation.js";
import { pause } from "./steps.js";
import { takeSteps } from "./takeSteps.js";
import { mint } from "./tickets.js";
import { beginToWake } from "./wake.js";

/** Whoever asks for a reconcile by name waits for it, so not for long. */
const LIST_PATIENCE_MS = 5_000;

export type ReconcileReport = {
  activeWorkers: number;
  spawned: number;
  terminated: number;
  /** Workers looked at, and those of them that are on their way out when the run ends. */
  checked: number;
  leaving: number;
  nextRunAt: number | null;
};

type Tally = Omit<ReconcileReport, "nextRunAt">;
type Conclusion = Omit<Outcome, "startedAt" | "hasSleepers">;

const NOTHING: Conclusion = {
  generation: null,
  stoodAside: false,
  problem: null,
  backOff: false,
  fullRegions: [],
  nextAt: null,
  isFull: false,
};

/**
 * Volumes whose turn comes later are left to the next run: even if every answer about them takes as long as the client waits for
 * it, this one ends before it is taken for dead.
 */
const TENDING_BUDGET_MS = 50_000;

/**
 * @param options.isScheduled false for a run that somebody asked for by name: it has to wait until a list may be made, and leaves the
 *   work to a scheduled run when that is too long
 * @throws only for a defect, and then after the run was ended like any other that failed
 */
export async function reconcilePool(
  ctx: ActionCtx,
  poolKey: string,
  { isScheduled = true }: { isScheduled?: boolean } = {},
): Promise<ReconcileReport> {
  const startedAt = Date.now();
  const report: Tally = { activeWorkers: 0, spawned: 0, terminated: 0, checked: 0, leaving: 0 };
  const run = new Run(ctx, poolKey, report, isScheduled);
  const finish = async (conclusion: Conclusion) => {
    const known = run.hasSleepers === undefined ? {} : { hasSleepers: run.hasSleepers };
    await ctx.runMutation(internal.pool.internal.finish, { poolKey, startedAt, ...known, ...conclusion });
    return { ...report, nextRunAt: conclusion.nextAt };
  };
  try {
    return await finish(await run.lookAndAct());
  } catch (error) {
    ctx.log.error("pool.reconcile_failed", { poolKey, error: error instanceof Error ? error.name : "unknown" });
    const problem = { kind: "internal_error", message: "The reconcile failed in a way it should not. See its logs." };
    await finish({ ...NOTHING, generation: run.generation, problem, backOff: true });
    throw error;
  }
}

/** What one run knows while it lasts. */
class Run {
  private readonly startedAt = Date.now();
  /** Set once this run has taken the pool. */
  generation: number | null = null;
  /** Workers sleep that a message could wake; unknown before the first look. */
  hasSleepers: boolean | undefined;

  constructor(
    private readonly ctx: ActionCtx,
    private readonly poolKey: string,
    private readonly report: Tally,
    private readonly isScheduled: boolean,
  ) {}

  async lookAndAct(): Promise<Conclusion> {
    const providers = new Providers(this.ctx, { mayList: true });
    const seen = await this.look();
    const leave = mayAsk(seen.breaker, Date.now());
    if (leave === "no" || (leave === "as_probe" && !(await this.beginProbe()))) {
      return { ...NOTHING, stoodAside: true, nextAt: isWanted(seen) ? seen.breaker.until : null };
    }
    // One call must be answered before there are others.
    if (leave === "as_probe") return await this.listAndAct(seen, providers);
    const woken = await beginToWake(this.ctx, this.poolKey, seen, providers);
    if (woken === null) return await this.listAndAct(seen, providers);
    // Side by side: whoever waits for a sleeper does not wait for the list, and nobody for the sleepers.
    const [outcome, conclusion] = await Promise.all([
      woken.over,
      this.observe().then(async (seenSince) => await this.listAndAct(seenSince, providers)),
    ]);
    if (conclusion.stoodAside || outcome.problem === null) return conclusion;
    return { ...conclusion, problem: outcome.problem, backOff: conclusion.backOff || outcome.backOff };
  }

  private async listAndAct(seen: Observation, providers: Providers): Promise<Conclusion> {
    if (seen.runDeadlineAt !== null) return { ...NOTHING, stoodAside: true, nextAt: seen.runDeadlineAt };
    const problemOf = (error: unknown): Conclusion => {
      const problem = describeProblem(error);
      if (problem === null) throw error;
      // Where nobody waits for it, the cron looks again soon enough.
      return { ...NOTHING, problem, backOff: isWanted(seen), isFull: false };
    };
    if (seen.providerConfig === null) {
      const isMissed = seen.waiting.length > 0 || seen.workers.length > 0;
      return isMissed ? problemOf(providerConfigMissing()) : NOTHING;
    }
    const ownership: Ownership = { deploymentUrl: env.CONVEX_CLOUD_URL, poolKey: this.poolKey };
    if (!this.isScheduled) {
      const call = { home: homeOf(seen.providerConfig), action: "list", patienceMs: LIST_PATIENCE_MS };
      const waitMs = await askForLeave(this.ctx, call);
      // Somebody is at it all the time: a scheduled run, which has its place, sees what this one would have.
      if (waitMs === null) return { ...NOTHING, stoodAside: true, nextAt: Date.now() };
      await pause(waitMs);
    }
    let atProvider: Omit<Seen, "tickets">;
    try {
      atProvider = await listHomes(this.ctx, seen, providers, ownership);
    } catch (error) {
      return problemOf(error);
    }
    const situation: PlanInput = { ...seen, ...atProvider, now: Date.now() };
    const planned = plan(situation);
    if (planned.length === 0) {
      const problem = bootProblem(seen.bootFailures);
      const nextAt = nextDeadline(situation);
      return await this.tend(seen, providers, { ...NOTHING, problem, nextAt, isFull: isFull(situation) });
    }
    const spawns = planned.filter(({ kind }) => kind === "spawn").length;
    const { tickets, credentials } = await mint(spawns);
    const committed: CommittedPlan | null = await this.ctx.runMutation(internal.pool.internal.commit, {
      poolKey: this.poolKey,
      ...atProvider,
      tickets,
    });
    // Whoever acts looks again when it has; if it dies, its watchdog does.
    if (committed === null) return { ...NOTHING, stoodAside: true, nextAt: null };
    this.generation = committed.generation;
    this.report.leaving += committed.drained;
    const config = seen.providerConfig;
    const { cooldowns } = seen;
    const context = { providers, config, cooldowns, ownership, credentials };
    const outcome = await takeSteps(this.ctx, committed.steps, context);
    this.report.spawned = outcome.spawned;
    this.report.terminated = outcome.terminated;
    return await this.conclude(committed.generation, atProvider, outcome, providers);
  }

  private async beginProbe(): Promise<boolean> {
    const { poolKey } = this;
    const isMine: boolean = await this.ctx.runMutation(internal.pool.internalProvider.beginProbe, { poolKey });
    return isMine;
  }

  private async look(): Promise<Observation> {
    const { poolKey, report } = this;
    let seen = await this.observe();
    if (seen.sweepDue) {
      await this.ctx.runMutation(internal.pool.internal.sweep, { poolKey });
      seen = await this.observe();
    }
    const count = (...statuses: string[]) => seen.workers.filter(({ status }) => statuses.includes(status)).length;
    report.activeWorkers = count("active");
    report.checked = seen.workers.length;
    report.leaving = count("draining", "stopping");
    return seen;
  }

  private async observe(): Promise<Observation> {
    const { poolKey } = this;
    const seen: Observation = await this.ctx.runQuery(internal.pool.internal.observation, { poolKey });
    this.hasSleepers = seen.workers.some(isAsleep);
    return seen;
  }

  private async conclude(
    generation: number,
    { machines, unlistedHomes }: Omit<Seen, "tickets">,
    { problem, backOff, fullRegions }: Pick<Outcome, "problem" | "backOff" | "fullRegions">,
    providers: Providers,
  ): Promise<Conclusion> {
    const after = await this.observe();
    const names = new Set(after.workers.map(({ machineName }) => machineName));
    const homes = after.workers.map(({ home }) => home);
    // The list is older than what was done since, so only what the rows say is asked whether there is more to do at once.
    const rows: PlanInput = { ...after, machines: [], unlistedHomes: [...unlistedHomes, ...homes], now: Date.now() };
    const strangers = machines.filter(({ name }) => !names.has(name));
    const deadline = nextDeadline({ ...rows, machines: strangers });
    const nextAt = plan(rows).length > 0 ? Date.now() + RECONCILE_WINDOW_MS : deadline;
    // What the provider says comes first; a pool whose machines do not stay up says so otherwise.
    const said = problem ?? bootProblem(after.bootFailures);
    const run = { generation, stoodAside: false, problem: said, backOff, fullRegions, nextAt, isFull: isFull(rows) };
    return await this.tend(after, providers, run);
  }

  /** Volumes go after their machines, and whatever becomes of them, the rest of the run stands. */
  private async tend({ leftovers }: Observation, providers: Providers, run: Conclusion): Promise<Conclusion> {
    const deadline = this.startedAt + TENDING_BUDGET_MS;
    const { nextAt, trouble } = await tendLeftovers(this.ctx, this.poolKey, leftovers, { providers, deadline });
    const times = [run.nextAt, nextAt].filter((time) => time !== null);
    return { ...run, problem: run.problem ?? trouble, nextAt: times.length === 0 ? null : Math.min(...times) };
  }
}

/** Somebody waits, or there is something to look after. */
function isWanted({ waiting, workers, policy }: Observation): boolean {
  const reserve = Math.min(policy.maxWorkers, Math.max(policy.minWorkers, policy.warmWorkers));
  return waiting.length > 0 || workers.length > 0 || reserve > 0;
}

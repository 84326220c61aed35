/** Steps of the scheduler, the pool and the operator, and of time. */
import { resume, wake } from "./reference/lanes.js";
import {
  DEFAULT_POLICY,
  isAlive,
  isRejected,
  leasesOf,
  queuedOf,
  type Policy,
  type Worker,
} from "./reference/state.js";
import { moveWorker } from "../../src/component/workers/fleet.js";
import { credentialsOf, expectAccepted, expectRefusal, pick, type Driver } from "./driver.js";
import { configure } from "./setup.js";
import { require, type Job } from "./world.js";

/** Jobs that one step may run: what they schedule for at once is run too, but no chain may be endless. */
const MAX_JOBS = 500;

/** Runs what is due, and what that schedules for at once. */
export async function runJobs(driver: Driver, isReversed = false): Promise<void> {
  for (let count = 0; count < MAX_JOBS; count++) {
    const jobs = driver.world.jobs().filter(({ at }) => at <= driver.world.now);
    const job = isReversed ? jobs.at(-1) : jobs[0];
    if (job === undefined) return;
    await runJob(driver, job);
  }
  require(false, () => `jobs go on after ${MAX_JOBS}`);
}

async function runJob(driver: Driver, job: Job): Promise<void> {
  const { world, reference } = driver;
  if (job.name === "pool/internal:reconcile") {
    // The pool's own work is its own test's; what it does to the queue is its first step.
    await world.finishJob(job);
    return await driver.sweep();
  }
  if (job.name === "queue/internal:wakeLanes") wake(reference, world.now);
  // The sweep's loop decides itself whether it does something now.
  await driver.adopting(async () => await world.runJob(job));
  const { agentKey } = job.args as { agentKey?: string };
  if (job.name === "queue/internal:resumeAgent" && agentKey !== undefined) resume(reference, agentKey, world.now);
}

export async function reap(driver: Driver, by: "sweep" | "releaseStuckJobs"): Promise<void> {
  if (by === "sweep") return await driver.sweep();
  const { result, requeued, dead } = await driver.recovering(async () => {
    wake(driver.reference, driver.world.now);
    return await driver.world.call<{ requeued: number; unlocked: number }>("lib:releaseStuckJobs", {});
  });
  const report = expectAccepted(result, "releaseStuckJobs");
  require(report.requeued === requeued && report.unlocked === requeued + dead, () =>
    `INV-22: ${requeued} turns went back and ${dead} were dead, but the report says ${JSON.stringify(report)}`);
}

/** Ends the worker in the eyes of the pool: what it holds goes back at once. */
export async function loseWorker(driver: Driver, worker: Worker): Promise<void> {
  if (worker.status === "gone") return;
  await driver.world.inside(async (ctx) => await moveWorker(ctx, worker.id, "lost", "The model has lost it."));
  leave(driver, worker);
}

export async function sayGoodbye(driver: Driver, worker: Worker): Promise<void> {
  const outcome = await driver.world.call("lib:workerDrained", credentialsOf(worker));
  if (driver.world.now >= worker.tokenExpiresAt) return expectRefusal(outcome, "worker_rejected", "a late goodbye");
  expectAccepted(outcome, "a goodbye");
  if (worker.status !== "gone") leave(driver, worker);
}

function leave(driver: Driver, worker: Worker): void {
  const { now } = driver.world;
  const held = leasesOf(driver.reference, worker);
  worker.status = "gone";
  if (isAlive(worker, now)) worker.expiresAt = now;
  driver.loseTurns(held, now);
}

export async function drainWorker(driver: Driver, worker: Worker): Promise<void> {
  if (worker.status !== "active") return;
  await driver.world.inside(async (ctx) => await moveWorker(ctx, worker.id, "drain_requested", "The model is full."));
  worker.status = "draining";
}

export async function setAgent(driver: Driver, index: number, isEnabled: boolean): Promise<void> {
  const agent = pick(driver.reference.agents, index)!;
  agent.enabled = isEnabled;
  await configure(driver.world, agent);
}

/** An operator deletes the agent's row; what was sent to it has nobody to answer it then. */
export async function removeAgent(driver: Driver, index: number): Promise<void> {
  const agent = pick(driver.reference.agents, index)!;
  agent.exists = false;
  agent.policy = DEFAULT_POLICY;
  await driver.world.inside(async (ctx) => {
    const row = await ctx.db
      .query("agents")
      .withIndex("by_agent_key", (range) => range.eq("agentKey", agent.key))
      .unique();
    if (row !== null) await ctx.db.delete("agents", row._id);
  });
}

/** Policies an operator changes between; the first is the default. */
const POLICIES: Partial<Policy>[] = [
  {},
  { maxAttempts: 2, baseMs: 5_000, factor: 3, capMs: 20_000, jitter: 0.5 },
  { maxQueued: 2, overflow: "reject" },
  { maxQueued: 2, overflow: "drop_new" },
  { maxQueued: 2, overflow: "drop_old" },
  { maxQueued: 1, overflow: "summarize" },
  { maxConcurrent: 1 },
  { maxConcurrentPerUser: 1 },
  { maxConcurrent: 2, maxConcurrentPerUser: 1, maxQueued: 3, overflow: "summarize", baseMs: 200, capMs: 400 },
];

export async function setPolicy(driver: Driver, index: number, policy: number): Promise<void> {
  const agent = pick(driver.reference.agents, index)!;
  const change = pick(POLICIES, policy)!;
  agent.policy = change === POLICIES[0] ? DEFAULT_POLICY : { ...DEFAULT_POLICY, ...change };
  await configure(driver.world, agent);
}

/**
 * Moves the clock to, just before or just after one of the next instants at which something ends or is due.
 *
 * @returns that instant, null when there is none
 */
export function approach(driver: Driver, boundary: number, offset: number): number | null {
  const { world, reference } = driver;
  const instants = [
    ...reference.workers.filter((worker) => !isRejected(worker, world.now)).map(({ expiresAt }) => expiresAt),
    ...reference.conversations.flatMap(({ lease }) => (lease === null ? [] : [lease.runDeadlineAt])),
    ...reference.conversations.flatMap((conversation) => queuedOf(conversation).map(({ dueAt }) => dueAt)),
    ...world.table("lanes").flatMap(({ wakeAt }) => wakeAt ?? []),
  ];
  const ahead = [...new Set(instants)].filter((at) => at + offset > world.now).sort((left, right) => left - right);
  const at = pick(ahead.slice(0, 4), boundary);
  if (at !== null) world.advance(at + offset - world.now);
  return at;
}

/** One run: steps, with everything checked after each, then peace, after which all that was accepted must be over. */
import { requireCaps, viewSlots } from "./caps.js";
import { requireConformance } from "./conformance.js";
import { Driver } from "./driver.js";
import { requireInvariants } from "./invariants.js";
import { perform } from "./perform.js";
import { runJobs, setAgent, setPolicy } from "./perform-operations.js";
import { claim } from "./perform-claims.js";
import { completeTurn, heartbeat } from "./perform-turns.js";
import type { Worker } from "./reference/state.js";
import { openDeployment, startWorker } from "./setup.js";
import type { Step } from "./steps.js";
import { require, Violation } from "./world.js";

/** Rounds until everything is over: each gets something done, or lets the next backoff or reservation pass. */
const MAX_ROUNDS = 400;
const MIN_WAIT_MS = 1_000;
/** Less than a lease, so that the worker's next heartbeat is in time. */
const MAX_WAIT_MS = 40_000;

export async function beginRun(): Promise<Driver> {
  return new Driver(await openDeployment());
}

export async function doStep(driver: Driver, step: Step): Promise<void> {
  const slots = viewSlots(driver);
  if (slots.lanes.some(({ state }) => state === "throttled")) driver.note("steps with a throttled lane");
  try {
    await perform(driver, step);
    requireAll(driver);
    requireCaps(driver, slots);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const kind = error instanceof Violation ? Violation : Error;
    throw new kind(`${error.message}\n  at ${JSON.stringify(step)}`, { cause: error });
  }
}

function requireAll(driver: Driver): void {
  requireConformance(driver);
  requireInvariants(driver.world);
}

/** Heals every fault and lets one good worker work until nothing is left; then nothing may be left. */
export async function endRun(driver: Driver): Promise<void> {
  try {
    await heal(driver);
  } finally {
    driver.world.close();
  }
}

async function heal(driver: Driver): Promise<void> {
  const { world, reference } = driver;
  driver.isHealing = true;
  // Every other time without the pool's help: the queue has to keep its own clock.
  driver.isPoolDead = reference.messages.size % 2 === 0;
  for (const [index] of reference.agents.entries()) {
    await setAgent(driver, index, true);
    await setPolicy(driver, index, 0);
  }
  for (const worker of reference.workers) worker.isKilled = true;
  const worker = await startWorker(driver, { isolation: "shared", capacity: 64, runMs: 900_000 });
  for (let round = 0; round < MAX_ROUNDS; round++) {
    await runJobs(driver);
    await driver.sweep();
    await heartbeat(driver, worker);
    for (let turn = 0; turn < 64; turn++) {
      const known = reference.tokens.length;
      await claim(driver, worker);
      const lease = reference.tokens[known];
      if (lease === undefined) break;
      await completeTurn(driver, lease, false);
    }
    requireAll(driver);
    if (world.table("lanes").every(({ state }) => state === "idle")) break;
    await waitForNext(driver, worker);
  }
  for (const message of reference.messages.values()) {
    require(!["queued", "processing"].includes(message.status), () =>
      `INV-14: ${message.id} was accepted and is still ${message.status}`);
  }
  require(world.table("leases").length === 0, () => "INV-14: a lease is left");
}

/** Moves the clock to when something is due again. */
async function waitForNext(driver: Driver, worker: Worker): Promise<void> {
  const { world } = driver;
  const silent = world
    .table("leaseHolders")
    .filter(({ workerId, state }) => workerId !== worker.id && state === "live");
  const next = Math.min(
    ...world.table("lanes").flatMap(({ wakeAt }) => wakeAt ?? []),
    ...silent.map(({ expiresAt }) => expiresAt),
  );
  // What is overdue is noticed when the queue's clock strikes next.
  const until = Number.isFinite(next) ? Math.max(next - world.now, MIN_WAIT_MS) : MIN_WAIT_MS;
  for (let wait = until; wait > 0; wait -= MAX_WAIT_MS) {
    world.advance(Math.min(wait, MAX_WAIT_MS));
    await heartbeat(driver, worker);
  }
}

/** Replays steps as data; for regressions. */
export async function replay(steps: readonly Step[]): Promise<Driver> {
  const driver = await beginRun();
  try {
    for (const step of steps) await doStep(driver, step);
  } catch (error) {
    driver.world.close();
    throw error;
  }
  await endRun(driver);
  return driver;
}

/** Does one step, to the component and to the reference. */
import type { Driver } from "./driver.js";
import { pick } from "./driver.js";
import { cancelMessage, performEnqueue, redriveMessage } from "./perform-intake.js";
import {
  approach,
  drainWorker,
  loseWorker,
  reap,
  removeAgent,
  runJobs,
  sayGoodbye,
  setAgent,
  setPolicy,
} from "./perform-operations.js";
import { claim, claimAll } from "./perform-claims.js";
import { completeTurn, failTurn, forge, heartbeat, releaseTurn, stream } from "./perform-turns.js";
import { isBarred } from "./reference/claims.js";
import { isAlive, type Lease, type Message } from "./reference/state.js";
import { startWorker } from "./setup.js";
import type { Step } from "./steps.js";

/** More than this many would only make runs slow. */
const MAX_WORKERS = 6;
/** What a frozen worker may still have in mind when it thaws. */
const REMEMBERED_TURNS = 3;

export async function perform(driver: Driver, step: Step): Promise<void> {
  const { world, reference } = driver;
  driver.note(`step ${step.do}`);
  switch (step.do) {
    case "enqueue":
      return await performEnqueue(driver, step);
    case "claim": {
      const free = driver.actors().filter((actor) => !isBarred(reference, actor, world.now));
      const worker = pick(step.isAny === true || free.length === 0 ? driver.actors() : free, step.worker);
      const only = step.conversation === undefined ? null : pick(reference.conversations, step.conversation);
      if (worker === null) return;
      const { isLost = false, listsLeases = false } = step;
      const wish = { isLost, listsLeases, ...(only === null ? {} : { only: only.id }) };
      // As a worker does that has been silent: it asks whether it is still alive before it asks for work.
      if (step.isAny !== true && !isAlive(worker, world.now)) await heartbeat(driver, worker);
      return await repeatable(driver, 0, async () => claim(driver, worker, wish));
    }
    case "claimAll":
      return await claimAll(driver);
    case "heartbeat": {
      const beating = step.worker === undefined ? driver.actors() : [pick(driver.actors(), step.worker)];
      for (const worker of beating) {
        if (worker !== null) await repeatable(driver, 0, async () => heartbeat(driver, worker));
      }
      return;
    }
    case "complete":
      return await onToken(driver, step, async (lease) => completeTurn(driver, lease, step.other === true));
    case "fail":
      return await onToken(driver, step, async (lease) => failTurn(driver, lease, step));
    case "release":
      return await onToken(driver, step, async (lease) => releaseAgain(driver, lease, step.rounds ?? 0));
    case "stream": {
      const lease = driver.tokenAt(step.token, step.isOld);
      const offset = (lease?.streamed ?? 0) + (step.gap === true ? 7 : 0);
      return await onToken(driver, step, async (held) => stream(driver, held, offset));
    }
    case "forge": {
      const lease = driver.tokenAt(step.token, false);
      // What a completed turn answers to its own token is no secret.
      if (lease?.message.status === "done") return;
      return lease === null ? undefined : await forge(driver, lease, step.change);
    }
    case "advance":
      return world.advance(step.ms);
    case "approach":
      return await performApproach(driver, step);
    case "runJobs":
      return await runJobs(driver, step.isReversed);
    case "reap":
      return await reap(driver, step.by);
    case "startWorker":
      if (driver.actors().filter(({ status }) => status === "active").length < MAX_WORKERS) {
        await startWorker(driver, step);
      }
      return;
    case "kill":
    case "pause":
    case "drain":
    case "lose":
    case "leave":
    case "resume":
      return await performOnWorker(driver, step);
    case "duplicate":
      for (let copy = 0; copy < step.copies; copy++) await driver.last?.();
      return;
    case "setAgent":
      return await setAgent(driver, step.agent, step.isEnabled);
    case "removeAgent":
      return await removeAgent(driver, step.agent);
    case "setPolicy":
      return await setPolicy(driver, step.agent, step.policy);
    case "cancel":
    case "redrive": {
      const message = pick(targetsOf(driver, step), step.message);
      if (message === null) return;
      const act = step.do === "cancel" ? cancelMessage : redriveMessage;
      return await repeatable(driver, 0, async () => act(driver, message));
    }
  }
}

/** Mostly messages about which something can be done; now and then any. */
function targetsOf({ reference }: Driver, step: { do: "cancel" | "redrive"; message: number }): Message[] {
  const messages = [...reference.messages.values()];
  const wanted = step.do === "redrive" ? ["dead_letter"] : ["queued", "processing"];
  const fitting = messages.filter(({ status }) => wanted.includes(status));
  return step.message % 4 === 0 || fitting.length === 0 ? messages : fitting;
}

async function performOnWorker(
  driver: Driver,
  step: { do: "kill" | "lose" | "drain" | "leave" | "pause" | "resume"; worker: number },
): Promise<void> {
  if (step.do === "resume") {
    const frozen = driver.reference.workers.filter(({ isPaused, isKilled }) => isPaused && !isKilled);
    const worker = pick(frozen, step.worker);
    if (worker === null) return;
    worker.isPaused = false;
    const turns = driver.reference.tokens.filter((token) => token.worker === worker).slice(-REMEMBERED_TURNS);
    for (const turn of turns) await completeTurn(driver, turn, false);
    return;
  }
  const workers = driver.actors().filter(({ status }) => status === "active" || step.do === "leave");
  const worker = pick(workers, step.worker);
  // Somebody has to be left to go on.
  if (worker === null || workers.length < 2) return;
  if (step.do === "kill") worker.isKilled = true;
  else if (step.do === "pause") worker.isPaused = true;
  else if (step.do === "drain") await drainWorker(driver, worker);
  else if (step.do === "lose") await loseWorker(driver, worker);
  else await sayGoodbye(driver, worker);
}

async function performApproach(driver: Driver, step: Extract<Step, { do: "approach" }>): Promise<void> {
  const { conversations } = driver.reference;
  const at = approach(driver, step.boundary, step.offset);
  const turns = conversations.flatMap(({ lease }) => (lease === null ? [] : [lease]));
  for (const lease of turns.filter(({ worker, runDeadlineAt }) => at === worker.expiresAt || at === runDeadlineAt)) {
    if (!driver.actors().includes(lease.worker)) continue;
    if (step.then === "complete") await completeTurn(driver, lease, false);
    if (step.then === "fail") await failTurn(driver, lease, {});
    if (step.then === "heartbeat") await heartbeat(driver, lease.worker);
  }
}

async function releaseAgain(driver: Driver, lease: Lease, rounds: number): Promise<void> {
  const { worker, message } = lease;
  const { conversation } = message;
  await releaseTurn(driver, lease);
  for (let round = 0; round < rounds && message.status === "queued"; round++) {
    await claim(driver, worker, { only: conversation.id });
    if (conversation.lease?.worker !== worker) return;
    await releaseTurn(driver, conversation.lease);
  }
}

async function onToken(
  driver: Driver,
  step: { token: number; isOld?: boolean; repeat?: number },
  act: (lease: Lease) => Promise<void>,
): Promise<void> {
  const lease = driver.tokenAt(step.token, step.isOld);
  if (lease === null) driver.note("no token");
  if (lease !== null) await repeatable(driver, step.repeat ?? 0, async () => act(lease));
}

/** Makes the call, again for every answer that is lost, and remembers it for a later repetition. */
async function repeatable(driver: Driver, lostAnswers: number, call: () => Promise<void>): Promise<void> {
  driver.last = call;
  for (let answer = 0; answer <= lostAnswers; answer++) await call();
}

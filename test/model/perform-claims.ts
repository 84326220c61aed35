/** Steps of workers that ask for work, and what they may be given. */
import type { Doc } from "../../src/component/_generated/dataModel.js";
import type { Claim } from "../../src/shared/worker-protocol.js";
import { ANY_WORKER, choicesOf, forgottenBy, isBarred, isBest, take } from "./reference/claims.js";
import { headOf } from "./reference/lanes.js";
import { isOpen, isRejected, type Worker } from "./reference/state.js";
import { bury } from "./reference/turns.js";
import { credentialsOf, expectAccepted, expectRefusal, type Driver } from "./driver.js";
import { require, type Outcome, type Rows } from "./world.js";

export async function claim(
  driver: Driver,
  worker: Worker,
  { only, isLost = false, listsLeases = false }: { only?: string; isLost?: boolean; listsLeases?: boolean } = {},
): Promise<void> {
  const places = driver.world.table("lanes").filter(({ state }) => state === "ready");
  const before = driver.world.rows();
  const tokens = driver.reference.tokens.filter((token) => token.worker === worker).map(({ id }) => id);
  const known = listsLeases ? tokens : null;
  const args = {
    ...(only === undefined ? {} : { conversationId: only }),
    ...(known === null ? {} : { knownLeaseIds: known }),
  };
  const outcome = await driver.world.call<Claim | null>("lib:claim", { ...credentialsOf(worker), ...args });
  acceptClaim(driver, { worker, only, known, outcome, places, before, isLost });
}

type Claiming = {
  worker: Worker;
  only: string | undefined;
  /** The leases it says it runs. */
  known: string[] | null;
  outcome: Outcome<Claim | null>;
  places: Doc<"lanes">[];
  before: Rows;
  isLost: boolean;
  /** Others claimed at the same moment, and may have put something aside that this one saw. */
  isAmongOthers?: boolean;
};

/** Holds the answer against what the worker could have been given. */
function acceptClaim(driver: Driver, claiming: Claiming): void {
  const { worker, only, known, outcome, places, before, isLost } = claiming;
  const { world, reference } = driver;
  const { now } = world;
  if (isRejected(worker, now)) return expectRefusal(outcome, "worker_rejected", "a claim of a worker that is gone");
  const claimed = expectAccepted(outcome, "a claim");
  const forgotten = known === null ? [] : forgottenBy(reference, worker, known, now);
  if (forgotten.length > 0) {
    const again = forgotten.find(({ id }) => id === claimed?.leaseId);
    require(again !== undefined &&
      claimed?.generation === again.generation &&
      claimed.attempt === again.message.attempts, () =>
      `INV-20: ${worker.id} does not get again what it was given, but ${JSON.stringify(claimed)}`);
    if (!isLost) reference.tokens.push(again);
    return driver.note("claimed again");
  }
  if (isBarred(reference, worker, now)) {
    require(claimed === null, () => `INV-04: ${worker.id} may claim nothing, but got ${JSON.stringify(claimed)}`);
    require(world.changesSince(before).length === 0, () => "a claim that was barred changed something");
    return;
  }
  const onlyOne = only ?? (worker.scope?.kind === "conversation" ? worker.scope.key : undefined);
  const choices = choicesOf(reference, worker, places, onlyOne);
  const isTidied = tidy(driver) || claiming.isAmongOthers === true;
  const open = choices.filter(({ conversation }) => isOpen(conversation.agent));
  if (claimed === null) {
    require(open.length === 0 || isTidied, () =>
      `INV-10: ${worker.id} got nothing, but ${open.map(({ conversation }) => conversation.id).join()} is ready`);
    driver.note("claimed nothing");
    return;
  }
  // What it put aside may have made room, under a cap, for a conversation that was not ready before.
  const admitted = { conversationId: claimed.conversationId, audience: ANY_WORKER, rank: 0 };
  const isAdmitted = isTidied && !places.some(({ conversationId }) => conversationId === claimed.conversationId);
  const chosen =
    open.find(({ conversation }) => conversation.id === claimed.conversationId) ??
    (isAdmitted ? choicesOf(reference, worker, [admitted], onlyOne)[0] : undefined);
  require(chosen !== undefined, () => `INV-01: ${worker.id} got ${claimed.conversationId}, which it may not have`);
  const { conversation, place } = chosen;
  require(conversation.lease === null, () => `INV-01: ${conversation.id} runs already`);
  // Having put something aside, it may have gone on with what it had seen before.
  require(isTidied || isBest(open, place, worker), () => `INV-31: ${worker.id} got ${conversation.id} out of turn`);
  const head = headOf(conversation, now);
  require(head !== null && head.id === claimed.messageId, () =>
    `INV-09: ${conversation.id} is at ${head?.id ?? "nothing"}, but ${claimed.messageId} was started`);
  require(head.dueAt <= now, () => `INV-12: ${head.id} is not due before ${head.dueAt}`);
  const lease = take(conversation, worker, claimed.leaseId, now);
  require(claimed.generation === lease.generation && claimed.attempt === head.attempts, () =>
    `INV-02, INV-20: the claim says generation ${claimed.generation} and attempt ${claimed.attempt}`);
  const ends = Math.min(worker.expiresAt, lease.runDeadlineAt);
  require(claimed.leaseExpiresAt === ends, () => `INV-04: the lease ends at ${ends}, not ${claimed.leaseExpiresAt}`);
  driver.note("claimed");
  if (!isLost) reference.tokens.push(lease);
}

/** Notes what claims have put aside because its agent is disabled, or ended because its agent is gone. */
function tidy(driver: Driver): boolean {
  const { world, reference } = driver;
  const paused = world
    .table("lanes")
    .flatMap(({ state, conversationId }) => (state === "paused" ? [conversationId] : []));
  let isTidied = false;
  for (const conversation of reference.conversations) {
    const { agent, phase, id } = conversation;
    if (phase === "due" && agent.exists && !agent.enabled && paused.includes(id)) {
      conversation.phase = "paused";
      isTidied = true;
    }
    if (agent.exists) continue;
    let head = headOf(conversation, world.now);
    while (conversation.phase === "due" && head !== null && driver.messageRow(head).status === "dead_letter") {
      bury(head, world.now);
      isTidied = true;
      head = headOf(conversation, world.now);
    }
  }
  return isTidied;
}

/** Every worker that may claim does so at the same moment. */
export async function claimAll(driver: Driver): Promise<void> {
  const { world } = driver;
  const places = world.table("lanes").filter(({ state }) => state === "ready");
  const before = world.rows();
  const workers = driver.actors().filter((worker) => !isBarred(driver.reference, worker, world.now));
  const outcomes = await Promise.all(
    workers.map(async (worker) => await world.call<Claim | null>("lib:claim", credentialsOf(worker))),
  );
  const claims = outcomes.flatMap(({ value }) => (value === null ? [] : [value]));
  const ids = new Set(claims.map(({ conversationId }) => conversationId));
  require(ids.size === claims.length, () => "INV-08: two claims at the same moment got the same conversation");
  // They ran one after the other, in the order in which they were called.
  let left = places;
  // With nothing to put aside, each must get the best of what those before it have left.
  const isAmongOthers = driver.reference.agents.some((agent) => !isOpen(agent));
  for (const [index, worker] of workers.entries()) {
    const outcome = outcomes[index]!;
    acceptClaim(driver, {
      worker,
      only: undefined,
      known: null,
      outcome,
      places: left,
      before,
      isLost: false,
      isAmongOthers,
    });
    left = left.filter(({ conversationId }) => conversationId !== outcome.value?.conversationId);
  }
}

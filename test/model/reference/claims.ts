/** Which conversation a worker may be given, and what giving it means. */
import { isWithinScope, scopeOf, type Scope } from "../../../src/shared/scope.js";
import { headOf } from "./lanes.js";
import {
  isAlive,
  isHeld,
  leasesOf,
  type Conversation,
  type Lease,
  type Message,
  type Reference,
  type Worker,
} from "./state.js";

/** A conversation's place in the ready set, as the queue stores it. */
export type Place = { conversationId: string; audience: string; rank: number };

export const ANY_WORKER = "any";

const scoped = ({ id, agent, user }: Conversation) => ({
  conversationId: id,
  agentKey: agent.key,
  consumerUserId: user,
});

const isInScope = (scope: Scope | null, conversation: Conversation): boolean =>
  scope === null || isWithinScope(scope, scoped(conversation));

/** What it has been given and does not know of: it gets that again before anything else. */
export function forgottenBy(reference: Reference, worker: Worker, known: readonly string[], now: number): Lease[] {
  if (worker.status !== "active") return [];
  return leasesOf(reference, worker).filter((lease) => isHeld(lease, now) && !known.includes(lease.id));
}

/** A worker that may claim nothing new, whatever there is. */
export function isBarred(reference: Reference, worker: Worker, now: number): boolean {
  return (
    worker.status !== "active" ||
    now >= worker.tokenExpiresAt ||
    !isAlive(worker, now) ||
    leasesOf(reference, worker).length >= worker.capacity
  );
}

/** What the worker could be given among the ready conversations, best first. */
export function choicesOf(
  reference: Reference,
  worker: Worker,
  places: readonly Place[],
  only: string | undefined,
): { conversation: Conversation; place: Place }[] {
  const choices = places.flatMap((place) => {
    const conversation = reference.conversations.find(({ id }) => id === place.conversationId);
    const isOpen = place.audience === ANY_WORKER || place.audience === worker.id;
    if (conversation === undefined || !isOpen || !isInScope(worker.scope, conversation)) return [];
    return only === undefined || conversation.id === only ? [{ conversation, place }] : [];
  });
  const isReserved = ({ place }: { place: Place }) => Number(place.audience === worker.id);
  return choices.sort((left, right) => isReserved(right) - isReserved(left) || left.place.rank - right.place.rank);
}

/** Whether nothing better than `taken` was on offer; equally good is good enough. */
export function isBest(choices: readonly { place: Place }[], taken: Place, worker: Worker): boolean {
  const [best] = choices;
  const isReserved = (place: Place) => place.audience === worker.id;
  return best !== undefined && isReserved(best.place) === isReserved(taken) && best.place.rank === taken.rank;
}

/** Gives the head of the conversation to the worker. */
export function take(conversation: Conversation, worker: Worker, leaseId: string, now: number): Lease {
  const message = headOf(conversation, now) as Message;
  conversation.generation += 1;
  message.status = "processing";
  message.attempts += 1;
  const lease: Lease = {
    id: leaseId,
    message,
    worker,
    generation: conversation.generation,
    life: worker.life,
    claimedAt: now,
    runDeadlineAt: now + worker.runMs,
    streamed: 0,
  };
  conversation.lease = lease;
  conversation.phase = "leased";
  message.told += conversation.untold;
  conversation.untold = 0;
  worker.scope ??= scopeOf(worker.isolation, scoped(conversation));
  return lease;
}

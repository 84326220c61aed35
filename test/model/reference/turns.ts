/** How a turn may end, and what that does to its message and its conversation. */
import { reconsider, settle } from "./lanes.js";
import {
  DEFAULT_POLICY,
  isHeld,
  leasesOf,
  queuedOf,
  type Conversation,
  type Lease,
  type Message,
  type Policy,
  type Reference,
  type Worker,
} from "./state.js";

/** Releases in a row that cost no wait. */
const FREE_RELEASES = 2;
/** No provider's wish counts for more than a day. */
const MAX_RETRY_AFTER_MS = 24 * 60 * 60_000;

export type Window = { from: number; to: number };

function endLease({ message: { conversation } }: Lease): void {
  conversation.lease = null;
}

export function complete(lease: Lease, reply: string, now: number): void {
  const { message } = lease;
  message.status = "done";
  message.completion = { leaseId: lease.id, generation: lease.generation, reply };
  endLease(lease);
  settle(message.conversation, now);
}

/** When the next try may be: what the policy says, as far as jitter leaves it open. */
function backoffWindow(policy: Policy, tries: number, now: number, retryAfterMs = 0): Window {
  const { baseMs, factor, capMs, jitter } = policy;
  const delay = Math.min(capMs, baseMs * factor ** (tries - 1));
  const least = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return {
    from: now + Math.max(Math.floor(delay * (1 - jitter)), least),
    to: now + Math.max(Math.ceil(delay * (1 + jitter)), least),
  };
}

export type Failure = { retryable: boolean; retryAfterMs?: number };

/**
 * Ends the attempt without an answer.
 *
 * @param chosen the time of the next try as the queue has chosen it, which the caller holds against the window
 * @returns the window; null for a dead letter
 */
export function fail(lease: Lease, failure: Failure, now: number, chosen: number): Window | null {
  const { message } = lease;
  message.failures += 1;
  endLease(lease);
  if (!failure.retryable || message.attempts >= message.maxAttempts) {
    message.status = "dead_letter";
    passOn(message);
    settle(message.conversation, now);
    return null;
  }
  message.releases = 0;
  message.status = "queued";
  message.dueAt = chosen;
  settle(message.conversation, now);
  return backoffWindow(message.conversation.agent.policy, message.attempts, now, failure.retryAfterMs);
}

/** Returns a turn that had not begun: no attempt counted, and no wait for the first two times in a row. */
export function release(lease: Lease, now: number, chosen: number): Window {
  const { message } = lease;
  message.status = "queued";
  message.attempts -= 1;
  message.releases += 1;
  message.dueAt = chosen;
  endLease(lease);
  settle(message.conversation, now);
  if (message.releases <= FREE_RELEASES) return { from: now, to: now };
  return backoffWindow(DEFAULT_POLICY, message.releases - FREE_RELEASES, now);
}

/** What a message was to tell its turn, the next one is told. */
function passOn(message: Message): void {
  message.conversation.untold += message.told;
  message.told = 0;
}

/** @returns whether there was something to cancel */
export function cancel(message: Message, now: number): boolean {
  if (message.status !== "queued" && message.status !== "processing") return false;
  const { conversation } = message;
  const isRunning = message.status === "processing";
  message.status = "canceled";
  passOn(message);
  if (isRunning) {
    conversation.lease = null;
    settle(conversation, now);
  } else {
    reconsider(conversation, now);
  }
  return true;
}

/** Ends a message whose agent is gone, without a turn; in its conversation that counts as one. */
export function bury(message: Message, now: number): void {
  message.status = "dead_letter";
  message.failures += 1;
  message.conversation.generation += 1;
  passOn(message);
  reconsider(message.conversation, now);
}

/** Gives a dead letter all its attempts again, at its old place. */
export function redrive(message: Message, now: number): void {
  message.status = "queued";
  message.attempts = 0;
  message.releases = 0;
  message.dueAt = now;
  reconsider(message.conversation, now);
}

/** The message that has to go when there is one too many: the oldest in line, or else the first of those aside. */
export function victimOf(conversation: Conversation): Message | undefined {
  const queued = queuedOf(conversation);
  const inLine = queued.filter(({ blocks }) => blocks).sort((left, right) => left.sequence - right.sequence);
  const aside = queued.filter(({ blocks }) => !blocks).sort((left, right) => left.dueAt - right.dueAt);
  return inLine[0] ?? aside[0];
}

export function drop(message: Message): void {
  message.status = "dropped";
  passOn(message);
  if (message.conversation.agent.policy.overflow === "summarize") message.conversation.untold += 1;
}

/** The turns of a worker that are dead by now; the caller fails each. */
export const deadTurnsOf = (reference: Reference, worker: Worker, now: number): Lease[] =>
  leasesOf(reference, worker).filter((lease) => !isHeld(lease, now));

/** All turns that are dead by now: their worker is silent, or they have run for too long. */
export const deadTurns = (reference: Reference, now: number): Lease[] =>
  reference.workers.flatMap((worker) => deadTurnsOf(reference, worker, now));

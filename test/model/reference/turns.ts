/** How a turn may end, and what that does to its message and its conversation. */
import { settle } from "./lanes.js";
import { isHeld, leasesOf, type Lease, type Reference, type Worker } from "./state.js";

/** Releases in a row that cost no wait. */
const FREE_RELEASES = Infinity;
/** No provider's wish counts for more than a day. */
const MAX_RETRY_AFTER_MS = 24 * 60 * 60_000;

export type Window = { from: number; to: number };

function endLease({ message: { conversation } }: Lease): void {
  conversation.lease = null;
}

export function complete(lease: Lease, reply: string, now: number): void {
  const { message } = lease;
  message.status = "done";
  message.releases = 0;
  message.completion = { leaseId: lease.id, generation: lease.generation, reply };
  endLease(lease);
  settle(message.conversation, now);
}

/** When the next try may be: what the policy says, as far as jitter leaves it open. */
export function backoffWindow(lease: Lease, tries: number, now: number, retryAfterMs = 0): Window {
  const { baseMs, factor, capMs, jitter } = lease.message.conversation.agent.policy;
  const delay = Math.min(capMs, baseMs * factor ** (tries - 1));
  const least = Math.min(retryAfterMs, MAX_RETRY_AFTER_MS);
  return {
    from: now + Math.max(Math.floor(delay * (1 - jitter)), least),
    to: now + Math.max(Math.ceil(delay * (1 + jitter)), least),
  };
}

export type Failure = { error: string; retryable: boolean; retryAfterMs?: number };

/**
 * Ends the attempt without an answer.
 *
 * @param chosen the time of the next try as the queue has chosen it, which the caller holds against the window
 * @returns the window; null for a dead letter
 */
export function fail(lease: Lease, failure: Failure, now: number, chosen: number): Window | null {
  const { message } = lease;
  message.errors.push(failure.error);
  message.releases = 0;
  endLease(lease);
  if (!failure.retryable || message.attempts >= message.maxAttempts) {
    message.status = "dead_letter";
    settle(message.conversation, now);
    return null;
  }
  message.status = "queued";
  message.dueAt = chosen;
  settle(message.conversation, now);
  return backoffWindow(lease, message.attempts, now, failure.retryAfterMs);
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
  return backoffWindow(lease, message.releases - FREE_RELEASES, now);
}

/** The turns of a worker that are dead by now; the caller fails each. */
export const deadTurnsOf = (reference: Reference, worker: Worker, now: number): Lease[] =>
  leasesOf(reference, worker).filter((lease) => !isHeld(lease, now));

/** All turns that are dead by now: their worker is silent, or they have run for too long. */
export const deadTurns = (reference: Reference, now: number): Lease[] =>
  reference.workers.flatMap((worker) => deadTurnsOf(reference, worker, now));

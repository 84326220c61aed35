/** Checks the queue policy of a profile; what each part means stands in `shared/queue-policy.ts`. */
import { agentFactoryError } from "../../shared/errors.js";
import { MAX_MAX_ATTEMPTS, type QueuePolicy } from "../../shared/queue-policy.js";
import { requireIntegerBetween } from "../validation.js";

/** As many conversations as the largest deployment has; a larger cap is none. */
const MAX_CONCURRENT = 100_000;
/** A conversation with more waiting is not read by anybody, and its rows still cost. */
const MAX_QUEUED = 10_000;
/** A wait of a day is an outage, not a backoff. */
const MAX_BACKOFF_MS = 24 * 60 * 60_000;
const MAX_FACTOR = 10;

/** @throws `invalid_argument` */
export function requireQueuePolicy(policy: QueuePolicy | undefined): void {
  const ranges = [
    ["maxAttempts", policy?.maxAttempts, MAX_MAX_ATTEMPTS],
    ["maxConcurrent", policy?.maxConcurrent, MAX_CONCURRENT],
    ["maxConcurrentPerUser", policy?.maxConcurrentPerUser, MAX_CONCURRENT],
    ["maxQueuedPerConversation", policy?.maxQueuedPerConversation, MAX_QUEUED],
    ["backoff.baseMs", policy?.backoff?.baseMs, MAX_BACKOFF_MS],
    ["backoff.capMs", policy?.backoff?.capMs, MAX_BACKOFF_MS],
  ] as const;
  for (const [name, value, max] of ranges) {
    if (value !== undefined) requireIntegerBetween(`queuePolicy.${name}`, value, 1, max);
  }
  if (policy?.backoff === undefined) return;
  const { factor, jitter } = policy.backoff;
  requireNumberBetween("queuePolicy.backoff.factor", factor, 1, MAX_FACTOR);
  // At 1 a jittered wait could be no wait at all, and a failing message a busy loop.
  requireNumberBetween("queuePolicy.backoff.jitter", jitter, 0, 0.9);
}

function requireNumberBetween(argument: string, value: number, min: number, max: number): void {
  if (value >= min && value <= max) return;
  throw agentFactoryError("invalid_argument", `${argument} must be a number from ${min} to ${max}.`, { argument });
}

/** True when conversations that wait for a slot may have to be looked at again. */
export function haveCapsChanged(before: QueuePolicy | undefined, after: QueuePolicy | undefined): boolean {
  return before?.maxConcurrent !== after?.maxConcurrent || before?.maxConcurrentPerUser !== after?.maxConcurrentPerUser;
}

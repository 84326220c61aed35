/** Waiting, with a bound and a way out, on a clock that no change of the system's time can move. */
import { setTimeout as delay } from "node:timers/promises";
import { backoffMs, type BackoffPolicy } from "../../src/shared/backoff.js";

/** Milliseconds on the monotonic clock. */
export const monotonicMs = () => performance.now();

/** Longer timers fire at once in Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** `ms` as a timer can take it: not negative, and at most 24 days. */
export const timerMs = (ms: number) => Math.min(Math.max(0, ms), MAX_TIMER_MS);

/** Waits `ms`, or until `signal` is aborted; never throws. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(timerMs(ms), undefined, signal === undefined ? {} : { signal }).catch(() => {});
}

/** The delay before retry number `attempt` (1 for the first), jittered so that workers do not come back in step. */
export const jitteredBackoffMs = (policy: BackoffPolicy, attempt: number) => backoffMs(policy, attempt, Math.random());

/** `promise`, or the error `late()` when it has not settled after `ms`. The work behind it goes on; bound that too. */
export async function withTimeout<T>(promise: Promise<T>, ms: number, late: () => Error): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), timerMs(ms));
  });
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until `promise` settles either way, or `ms` have passed; true when it settled. */
export async function settledWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const settled = promise.then(
    () => true,
    () => true,
  );
  const stop = new AbortController();
  try {
    return await Promise.race([settled, sleep(ms, stop.signal).then(() => false)]);
  } finally {
    stop.abort();
  }
}

/** Resolves when `signal` is aborted. */
export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

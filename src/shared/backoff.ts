/** How long to wait before the next try: a pure function of the attempt, with jitter the caller supplies. */

export type BackoffPolicy = {
  baseMs: number;
  factor: number;
  capMs: number;
  /** Fraction of the delay that jitter may add or take away, 0 to 1. */
  jitter: number;
};

/** Quick enough for a hiccup, slow enough for an outage: 1 s, 2 s, 4 s, ... up to 2 minutes, 10 % apart. */
export const DEFAULT_BACKOFF: BackoffPolicy = { baseMs: 1_000, factor: 2, capMs: 120_000, jitter: 0.1 };

/**
 * The delay in ms after failed attempt number `attempt` (1 for the first).
 *
 * `unit` in [0, 1) places the delay within the jitter; take it from {@link unitFromText} where randomness is not at hand.
 * Without jitter the delay never decreases with the attempt, and it is never above the cap plus its jitter.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, unit: number): number {
  const exponent = Math.min(Math.max(attempt, 1) - 1, 64);
  const delay = Math.min(policy.capMs, policy.baseMs * policy.factor ** exponent);
  return Math.round(delay * (1 + policy.jitter * (2 * unit - 1)));
}

/**
 * The delay with a provider's own wish (`Retry-After`) taken into account: it wins when it is longer.
 *
 * @param retryAfterMs more than a day is taken for a day: who says so means "not now", and a typo must not park a message
 */
export function retryDelayMs(
  policy: BackoffPolicy,
  attempt: number,
  unit: number,
  retryAfterMs: number | undefined,
): number {
  const asked = retryAfterMs === undefined || Number.isNaN(retryAfterMs) ? 0 : retryAfterMs;
  return Math.max(backoffMs(policy, attempt, unit), Math.min(asked, MAX_RETRY_AFTER_MS));
}

const MAX_RETRY_AFTER_MS = 24 * 60 * 60_000;

/** A number in [0, 1) that depends on `text` only (FNV-1a): jitter for code that must be deterministic. */
export function unitFromText(text: string): number {
  return hashText(text) / 2 ** 32;
}

/** FNV-1a, 32 bits: spreads keys over shards. Not for anything an attacker may choose against. */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  // FNV's high bits barely differ between short texts that share a prefix; this final mix (murmur3's) spreads them.
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return hash >>> 0;
}

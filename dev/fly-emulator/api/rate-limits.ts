/** Token buckets per action and identifier, as Fly limits its API. */
import { type FlyAction } from "../faults/kinds.js";
import { type RateLimits } from "../options.js";

interface Bucket {
  tokens: number;
  refilledAt: number;
}

/** A bucket that has been full for a while is the same as none; dropping the oldest bounds the memory. */
const MAX_BUCKETS = 10_000;

export class RateLimiter {
  private readonly buckets = new Map<string, Bucket>();

  constructor(
    private readonly limits: RateLimits | undefined,
    private readonly now: () => number,
  ) {}

  /** `undefined` when the request may pass, else the seconds until one may. */
  take(action: FlyAction, identifier: string): number | undefined {
    if (this.limits === undefined) return undefined;
    const get = action === "machine_get";
    const perSecond = get ? this.limits.getPerSecond : this.limits.perSecond;
    const burst = get ? this.limits.getBurst : this.limits.burst;
    const bucket = this.bucket(`${action} ${identifier}`, burst);
    const now = this.now();
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.refilledAt) / 1_000) * perSecond);
    bucket.refilledAt = now;
    if (bucket.tokens < 1) return Math.ceil((1 - bucket.tokens) / perSecond);
    bucket.tokens -= 1;
    return undefined;
  }

  get retryAfterHeader(): boolean {
    return this.limits?.retryAfterHeader === true;
  }

  private bucket(key: string, burst: number): Bucket {
    let bucket = this.buckets.get(key);
    if (bucket === undefined) {
      bucket = { tokens: burst, refilledAt: this.now() };
      this.buckets.set(key, bucket);
      const [oldest] = this.buckets.keys();
      if (this.buckets.size > MAX_BUCKETS && oldest !== undefined) this.buckets.delete(oldest);
    }
    return bucket;
  }
}

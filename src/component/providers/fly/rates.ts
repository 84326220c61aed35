/**
 * Keeps calls within Fly's rates, so that a burst of work waits a moment instead of being refused: token buckets, one per
 * action and machine (per app for create and list). Pure but for the clock it is given.
 */

/** https://fly.io/docs/machines/api/working-with-machines-api/#rate-limits */
const RATE = { perSecond: 1, burst: 3 };
/** Looks at one machine; and the further pages of a list, of which Fly does not say how it counts them. */
const LOOK_RATE = { perSecond: 5, burst: 10 };
const LOOKS: ReadonlySet<string> = new Set(["get", "list_page"]);

export class TokenBuckets {
  /** For each bucket the time at which it will be full again. */
  private readonly fullAt = new Map<string, number>();

  /**
   * Takes a token, if need be one that is not there yet.
   *
   * @param about what the action is done to: a machine's id, or the app
   * @returns ms to wait before the call may be made
   */
  take(action: string, about: string, now: number): number {
    const { perSecond, burst } = LOOKS.has(action) ? LOOK_RATE : RATE;
    const key = `${action}/${about}`;
    const tokenMs = 1_000 / perSecond;
    const fullAt = Math.max(this.fullAt.get(key) ?? now, now) + tokenMs;
    this.fullAt.set(key, fullAt);
    return Math.max(0, fullAt - now - burst * tokenMs);
  }
}

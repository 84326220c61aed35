/**
 * Keeps calls within Fly's rates, so that a burst of work waits a moment instead of being refused: token buckets, one per
 * action and machine (per app for create and list). Pure but for the clock it is given.
 */

/** https://fly.io/docs/machines/api/working-with-machines-api/#rate-limits */
const RATE: Rate = { perSecond: 1, burst: 3 };
/** Looks at one machine; and the further pages of a list, of which Fly does not say how it counts them. */
const LOOK_RATE: Rate = { perSecond: 5, burst: 10 };
const LOOKS: ReadonlySet<string> = new Set(["get", "list_page"]);
/** Half of what Fly allows: the other half is for the first list of each scheduled reconcile, of which there is one in two seconds. */
const LIST_RATE: Rate = { perSecond: 0.5, burst: 1 };

export type Rate = { perSecond: number; burst: number };

/** The rate at which all runs together may do what counts for the app as a whole. */
export function sharedRate(action: string): Rate {
  return action === "list" ? LIST_RATE : RATE;
}

/**
 * Takes a token, if need be one that is not there yet.
 *
 * @param fullAt when the bucket will be full again, if it is not
 * @returns when it will be then, and ms to wait before the call may be made
 */
export function takeToken(fullAt: number | undefined, { perSecond, burst }: Rate, now: number) {
  const tokenMs = 1_000 / perSecond;
  const nextFullAt = Math.max(fullAt ?? now, now) + tokenMs;
  return { fullAt: nextFullAt, waitMs: Math.max(0, nextFullAt - now - burst * tokenMs) };
}

/** The buckets of one run, for what is done to one machine: what two runs do to the same machine is seconds apart. */
export class TokenBuckets {
  private readonly fullAt = new Map<string, number>();

  /**
   * @param about what the action is done to: a machine's id, or the app
   * @returns ms to wait before the call may be made
   */
  take(action: string, about: string, now: number): number {
    const key = `${action}/${about}`;
    const { fullAt, waitMs } = takeToken(this.fullAt.get(key), LOOKS.has(action) ? LOOK_RATE : RATE, now);
    this.fullAt.set(key, fullAt);
    return waitMs;
  }
}

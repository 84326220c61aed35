/** What machines cost: how long each was in which state, and the bill for it at the published prices. */
import { USD_PER_RESTING_SECOND, USD_PER_STARTED_SECOND } from "./assumptions.js";

/**
 * States of a machine, by Fly's names. `created` and `starting` cost nothing: what is billed is from `started` until the
 * machine has stopped. One that is being frozen or ended still runs, so `suspending` and `stopping` count as started.
 */
export const METERED_STATES = [
  "created",
  "starting",
  "started",
  "suspending",
  "suspended",
  "stopping",
  "stopped",
  "destroying",
  "destroyed",
] as const;
export type MeteredState = (typeof METERED_STATES)[number];

const STARTED: readonly MeteredState[] = ["started", "suspending", "stopping"];
const RESTING: readonly MeteredState[] = ["suspended", "stopped"];

export type Bill = { machineSeconds: number; restingSeconds: number; usd: number };

export class Meter {
  private readonly msIn = new Map<MeteredState, number>(METERED_STATES.map((state) => [state, 0]));
  private running = 0;
  private peak = 0;

  /** Books the time from `since` to `now` that a machine spent in `state`. */
  book(state: MeteredState, since: number, now: number): void {
    if (now < since) throw new Error("A machine cannot leave a state before it has entered it.");
    this.msIn.set(state, (this.msIn.get(state) ?? 0) + now - since);
  }

  /** Counts machines that exist. */
  countMachines(change: 1 | -1): void {
    this.running += change;
    this.peak = Math.max(this.peak, this.running);
  }

  get peakMachines(): number {
    return this.peak;
  }

  secondsIn(state: MeteredState): number {
    return (this.msIn.get(state) ?? 0) / 1_000;
  }

  bill(): Bill {
    const total = (states: readonly MeteredState[]) => states.reduce((sum, state) => sum + this.secondsIn(state), 0);
    const machineSeconds = total(STARTED);
    const restingSeconds = total(RESTING);
    const usd = machineSeconds * USD_PER_STARTED_SECOND + restingSeconds * USD_PER_RESTING_SECOND;
    return { machineSeconds, restingSeconds, usd };
  }
}

/**
 * When to stop paying for something that may be wanted again: rent it on, or let go and buy it anew, without knowing when the
 * next message comes.
 *
 * An idle machine that is up is rented at the price of a started second, one that sleeps at the price of its storage. Letting
 * go is paid when the next message comes: with the seconds a machine runs without working, and with somebody's waiting.
 */
import { DURATIONS, USD_PER_RESTING_SECOND, USD_PER_STARTED_SECOND } from "./assumptions.js";
import type { Range } from "./random.js";

export type Choice = {
  /** What waiting for the next message costs per second, beyond what it costs after letting go. */
  rentUsdPerSecond: number;
  /** What the next message costs more because of having let go. */
  buyUsd: number;
};

/** Gaps up to here are cheaper rented through; as a rule for letting go it never costs more than twice the best in hindsight. */
export function breakEvenSeconds({ rentUsdPerSecond, buyUsd }: Choice): number {
  return buyUsd / rentUsdPerSecond;
}

/** What a gap between two messages costs whoever lets go after `holdSeconds`. */
export function costOfGap({ rentUsdPerSecond, buyUsd }: Choice, holdSeconds: number, gapSeconds: number): number {
  return gapSeconds <= holdSeconds ? rentUsdPerSecond * gapSeconds : rentUsdPerSecond * holdSeconds + buyUsd;
}

/** What it costs whoever knows when the next message comes. */
export function costInHindsight({ rentUsdPerSecond, buyUsd }: Choice, gapSeconds: number): number {
  return Math.min(rentUsdPerSecond * gapSeconds, buyUsd);
}

/** How many times the cost in hindsight letting go after `holdSeconds` comes to, for the worst gap there is. */
export function worstRatio(choice: Choice, holdSeconds: number): number {
  // Just after letting go: all of the rent, and the price as well.
  const { rentUsdPerSecond, buyUsd } = choice;
  const paid = rentUsdPerSecond * holdSeconds + buyUsd;
  return paid / costInHindsight(choice, holdSeconds);
}

const mean = ([from, to]: Range) => (from + to) / 2_000;

/** Seconds that somebody waits longer, on average, and the price of such a second, USD. */
export type Waiting = { seconds: number; usdPerSecond: number };

/** Stay up, or be suspended: a machine that is frozen and thawed runs for a moment without working. */
export function suspending(waiting: Waiting): Choice {
  const idleSeconds = mean(DURATIONS.suspend) + mean(DURATIONS.thaw);
  return {
    rentUsdPerSecond: USD_PER_STARTED_SECOND - USD_PER_RESTING_SECOND,
    buyUsd: idleSeconds * USD_PER_STARTED_SECOND + waiting.seconds * waiting.usdPerSecond,
  };
}

/** Stay suspended, or be destroyed: another machine boots, and fetches the workspace. */
export function retiring(waiting: Waiting): Choice {
  const idleSeconds = mean(DURATIONS.workerBoot) + mean(DURATIONS.restore);
  return {
    rentUsdPerSecond: USD_PER_RESTING_SECOND,
    buyUsd: idleSeconds * USD_PER_STARTED_SECOND + waiting.seconds * waiting.usdPerSecond,
  };
}

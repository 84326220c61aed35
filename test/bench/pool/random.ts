/** Draws from distributions, from one seeded source: the same seed gives the same draws. */
import { seededRandom } from "../../../dev/fly-emulator/model/random.js";

export type Range = readonly [from: number, to: number];

/** Draws at most this often before taking what there is; a tail that long is no tail any more. */
const MAX_COUNT = 1_000;

export class Draws {
  private readonly source;

  constructor(seed: number) {
    this.source = seededRandom(seed);
  }

  /** In [0, 1). */
  unit(): number {
    return this.source.next();
  }

  uniform([from, to]: Range): number {
    return from + this.unit() * (to - from);
  }

  /** Whole milliseconds from a range of them. */
  ms(range: Range): number {
    return Math.round(this.uniform(range));
  }

  normal(mean: number, deviation: number): number {
    // Box and Muller; 1 - unit() is never 0.
    const radius = Math.sqrt(-2 * Math.log(1 - this.unit()));
    return mean + deviation * radius * Math.cos(2 * Math.PI * this.unit());
  }

  /** `sigma` is the deviation of the logarithm: half of all draws are below `median`, 2.5 % above `median * e^(2 sigma)`. */
  logNormal(median: number, sigma: number): number {
    return median * Math.exp(this.normal(0, sigma));
  }

  poisson(mean: number): number {
    const limit = Math.exp(-mean);
    let count = 0;
    for (let product = this.unit(); product > limit && count < MAX_COUNT; product *= this.unit()) count++;
    return count;
  }

  /** 1, 2, 3, ... with the given mean: after each one, whether there is another is decided anew. */
  geometric(mean: number): number {
    let count = 1;
    while (count < MAX_COUNT && this.unit() > 1 / mean) count++;
    return count;
  }

  pick<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.unit() * items.length)];
    if (item === undefined) throw new Error("There is nothing to pick from.");
    return item;
  }
}

/** A small seeded random source, so that a run with faults and short pages can be repeated exactly. */

export interface RandomSource {
  /** A number in [0, 1). */
  next(): number;
}

/** The mulberry32 generator: 32 bits of state are plenty for choosing faults, and the same seed gives the same run. */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  breakEvenSeconds,
  costInHindsight,
  costOfGap,
  retiring,
  suspending,
  worstRatio,
  type Choice,
} from "./rent-or-buy.js";

const price = fc.double({ min: 1e-9, max: 1, noNaN: true });
const choice: fc.Arbitrary<Choice> = fc.record({ rentUsdPerSecond: price, buyUsd: price });
const gap = fc.double({ min: 1e-3, max: 1e9, noNaN: true });

describe("letting go at the break-even", () => {
  it("never costs more than twice the best in hindsight, whenever the next message comes", () => {
    fc.assert(
      fc.property(choice, gap, (any, gapSeconds) => {
        const cost = costOfGap(any, breakEvenSeconds(any), gapSeconds);
        expect(cost).toBeLessThanOrEqual(2 * costInHindsight(any, gapSeconds) * (1 + 1e-9));
      }),
    );
  });

  it("is the best that a fixed time can promise", () => {
    fc.assert(
      fc.property(choice, gap, (any, holdSeconds) => {
        expect(worstRatio(any, holdSeconds)).toBeGreaterThanOrEqual(worstRatio(any, breakEvenSeconds(any)) - 1e-9);
      }),
    );
  });
});

describe("worstRatio", () => {
  it("bounds what any gap costs", () => {
    fc.assert(
      fc.property(choice, gap, gap, (any, holdSeconds, gapSeconds) => {
        const cost = costOfGap(any, holdSeconds, gapSeconds);
        const bound = worstRatio(any, holdSeconds) * costInHindsight(any, gapSeconds);
        expect(cost).toBeLessThanOrEqual(bound * (1 + 1e-9));
      }),
    );
  });
});

describe("the pool's two choices", () => {
  it("come later the dearer somebody's waiting is", () => {
    for (const choose of [suspending, retiring]) {
      const cheap = breakEvenSeconds(choose({ seconds: 2, usdPerSecond: 0 }));
      const dear = breakEvenSeconds(choose({ seconds: 2, usdPerSecond: 0.001 }));
      expect(cheap).toBeGreaterThan(0);
      expect(dear).toBeGreaterThan(cheap);
    }
  });
});

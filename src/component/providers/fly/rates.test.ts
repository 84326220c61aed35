import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { TokenBuckets } from "./rates.js";

describe("token buckets", () => {
  it("let a burst through, then one a second", () => {
    const buckets = new TokenBuckets();
    const waits = Array.from({ length: 6 }, () => buckets.take("create", "app", 0));
    expect(waits).toEqual([0, 0, 0, 1_000, 2_000, 3_000]);
    expect(buckets.take("create", "app", 20_000)).toBe(0);
  });

  it("let more looks at one machine through", () => {
    const buckets = new TokenBuckets();
    const waits = Array.from({ length: 12 }, () => buckets.take("get", "m1", 0));
    expect(waits).toEqual([...Array.from({ length: 10 }, () => 0), 200, 400]);
  });

  it("are separate for each machine and each action", () => {
    const buckets = new TokenBuckets();
    for (let call = 0; call < 5; call++) buckets.take("stop", "m1", 0);
    expect(buckets.take("stop", "m2", 0)).toBe(0);
    expect(buckets.take("destroy", "m1", 0)).toBe(0);
  });

  it("never let more than a burst and one a second through, whenever calls come", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000), { maxLength: 40 }), (gaps) => {
        const buckets = new TokenBuckets();
        let now = 0;
        const made = gaps.map((gap) => {
          now += gap;
          return now + buckets.take("create", "app", now);
        });
        for (const from of made) {
          const within = made.filter((at) => at >= from && at < from + 10_000).length;
          expect(within).toBeLessThanOrEqual(3 + 10);
        }
      }),
    );
  });
});

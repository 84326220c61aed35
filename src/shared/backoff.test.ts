import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { backoffMs, DEFAULT_BACKOFF, hashText, unitFromText, type BackoffPolicy } from "./backoff.js";

const policies: fc.Arbitrary<BackoffPolicy> = fc.record({
  baseMs: fc.integer({ min: 1, max: 60_000 }),
  factor: fc.double({ min: 1, max: 10, noNaN: true }),
  capMs: fc.integer({ min: 60_000, max: 3_600_000 }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
});
const attempts = fc.integer({ min: 1, max: 10_000 });
const units = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("the delay before the next try", () => {
  it("is never negative and never above the cap plus its jitter", () => {
    fc.assert(
      fc.property(policies, attempts, units, (policy, attempt, unit) => {
        const delay = backoffMs(policy, attempt, unit);
        expect(delay).toBeGreaterThanOrEqual(0);
        expect(delay).toBeLessThanOrEqual(Math.ceil(policy.capMs * (1 + policy.jitter)));
      }),
    );
  });

  it("does not decrease from one attempt to the next but by jitter", () => {
    fc.assert(
      fc.property(policies, attempts, (policy, attempt) => {
        const plain = { ...policy, jitter: 0 };
        expect(backoffMs(plain, attempt + 1, 0.5)).toBeGreaterThanOrEqual(backoffMs(plain, attempt, 0.5));
      }),
    );
  });

  it("stays within the stated fraction of what it is without jitter", () => {
    fc.assert(
      fc.property(policies, attempts, units, (policy, attempt, unit) => {
        const plain = backoffMs({ ...policy, jitter: 0 }, attempt, unit);
        const distance = Math.abs(backoffMs(policy, attempt, unit) - plain);
        // Two roundings to whole milliseconds.
        expect(distance).toBeLessThanOrEqual(plain * policy.jitter + 1 + policy.jitter);
      }),
    );
  });

  it("treats an attempt below 1 as the first", () => {
    expect(backoffMs(DEFAULT_BACKOFF, 0, 0.5)).toBe(backoffMs(DEFAULT_BACKOFF, 1, 0.5));
    expect(backoffMs(DEFAULT_BACKOFF, -3, 0.5)).toBe(backoffMs(DEFAULT_BACKOFF, 1, 0.5));
  });

  it("starts at one second, doubles, and ends at two minutes by default", () => {
    const plain = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((attempt) => backoffMs(DEFAULT_BACKOFF, attempt, 0.5));
    expect(plain).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 120_000, 120_000]);
  });
});

describe("jitter from a text", () => {
  it("is the same for the same text and lies in [0, 1)", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const unit = unitFromText(text);
        expect(unit).toBe(unitFromText(text));
        expect(unit).toBeGreaterThanOrEqual(0);
        expect(unit).toBeLessThan(1);
      }),
    );
  });

  it("differs for texts that differ in their last character only", () => {
    const units = new Set(Array.from({ length: 1_000 }, (_, index) => unitFromText(`lease${index}`)));
    expect(units.size).toBe(1_000);
  });

  it("spreads neighboring ids evenly over a handful of shards", () => {
    for (const shards of [4, 16]) {
      const counts = new Array<number>(shards).fill(0);
      for (let index = 0; index < 4_000; index++) {
        const shard = hashText(`conversation:${String(index).padStart(32, "0")}`) % shards;
        counts[shard] = (counts[shard] ?? 0) + 1;
      }
      expect(Math.min(...counts)).toBeGreaterThan((4_000 / shards) * 0.7);
      expect(Math.max(...counts)).toBeLessThan((4_000 / shards) * 1.3);
    }
  });
});

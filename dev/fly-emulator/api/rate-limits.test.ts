import { describe, expect, it } from "vitest";
import { DEFAULT_RATE_LIMITS } from "../options.js";
import { RateLimiter } from "./rate-limits.js";

describe("RateLimiter", () => {
  it("lets a burst of three pass, then one per second, per action and identifier", () => {
    let now = 0;
    const limiter = new RateLimiter(DEFAULT_RATE_LIMITS, () => now);
    const passes = (action: "machine_start" | "machine_stop", id: string): boolean =>
      limiter.take(action, id) === undefined;
    expect([1, 2, 3, 4].map(() => passes("machine_start", "a"))).toEqual([true, true, true, false]);
    expect(passes("machine_stop", "a")).toBe(true);
    expect(passes("machine_start", "b")).toBe(true);
    now = 1_000;
    expect([1, 2].map(() => passes("machine_start", "a"))).toEqual([true, false]);
    now = 60_000;
    expect([1, 2, 3, 4].map(() => passes("machine_start", "a"))).toEqual([true, true, true, false]);
  });

  it("allows gets ten at once and five per second, and says how long to wait", () => {
    let now = 0;
    const limiter = new RateLimiter(DEFAULT_RATE_LIMITS, () => now);
    const results = Array.from({ length: 11 }, () => limiter.take("machine_get", "a"));
    expect(results.filter((result) => result === undefined)).toHaveLength(10);
    expect(results.at(-1)).toBe(1);
    now = 1_000;
    expect(Array.from({ length: 6 }, () => limiter.take("machine_get", "a")).map((r) => r === undefined)).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
    ]);
  });

  it("can be off", () => {
    const limiter = new RateLimiter(undefined, () => 0);
    expect(Array.from({ length: 100 }, () => limiter.take("machine_create", "a")).every((r) => r === undefined)).toBe(
      true,
    );
  });
});

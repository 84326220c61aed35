import { describe, expect, it } from "vitest";
import { percentiles } from "./percentiles.js";

describe("percentiles", () => {
  it("takes the nearest rank", () => {
    const samples = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect(percentiles(samples)).toEqual({ p50Ms: 50, p95Ms: 95, p99Ms: 99, n: 100 });
  });
  it("takes the only sample for all of them", () => {
    expect(percentiles([7])).toEqual({ p50Ms: 7, p95Ms: 7, p99Ms: 7, n: 1 });
  });
  it("refuses to say anything about nothing", () => {
    expect(() => percentiles([])).toThrow("Nothing was measured");
  });
});

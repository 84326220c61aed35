import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { appendSample, SAMPLE_INTERVAL_MS, SAMPLE_WINDOW_MS, type FleetSample } from "./samples";

const sample = (at: number, machines = 0): FleetSample => ({ at, machines, queued: 0, processing: 0 });

describe("appendSample", () => {
  it("keeps a change at once, and a repetition only once per interval", () => {
    const first = appendSample([], sample(0));
    expect(appendSample(first, sample(100))).toBe(first);
    expect(appendSample(first, sample(100, 1))).toHaveLength(2);
    expect(appendSample(first, sample(SAMPLE_INTERVAL_MS))).toHaveLength(2);
  });

  it("forgets what has left the window and stays bounded", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(60_000), fc.nat(3)), { maxLength: 200 }), (steps) => {
        let at = 0;
        let samples: readonly FleetSample[] = [];
        for (const [step, machines] of steps) {
          at += step;
          samples = appendSample(samples, sample(at, machines));
          expect(samples.length).toBeLessThanOrEqual(1_200);
          expect(samples.every((kept) => kept.at >= at - SAMPLE_WINDOW_MS)).toBe(true);
        }
      }),
    );
  });
});

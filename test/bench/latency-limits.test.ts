import { describe, expect, it } from "vitest";
import type { LatencyRow } from "./latency-cases.js";
import { brokenLatencyLimits } from "./latency-limits.js";

const row = (name: LatencyRow["case"], p50Ms: number, p95Ms = p50Ms): LatencyRow => ({
  case: name,
  p50Ms,
  p95Ms,
  p99Ms: p95Ms,
  n: 1,
  floorP50Ms: 5,
});

describe("the limits of waiting", () => {
  it("hold up to the limit, and each is seen to be broken", () => {
    const good = [
      row("enqueue_to_claimed", 15),
      row("claimed_to_first_event", 150),
      row("stream_delay", 90, 300),
      row("resume", 850),
    ];
    expect(brokenLatencyLimits(good)).toEqual([]);
    const bad = [
      row("enqueue_to_claimed", 15.1),
      row("claimed_to_first_event", 151),
      row("stream_delay", 1, 301),
      row("resume", 851),
    ];
    expect(brokenLatencyLimits(bad)).toEqual([
      "enqueue to claimed, times the floor: 3.0, at most 3",
      "claimed to first event, p50 in ms: 151.0, at most 150",
      "enqueue to claimed by a worker that slept, p50 in ms: 851.0, at most 850",
      "stream delay, p95 in ms: 301.0, at most 300",
    ]);
    expect(brokenLatencyLimits([])).toHaveLength(4);
  });
});

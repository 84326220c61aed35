/** How long a user may wait for each part of a turn on a warm worker. Pure. */
import type { LatencyRow } from "./latency-cases.js";

/** What a warm worker may cost a user: claiming is itself a mutation and an update, and a third is the margin. */
const MAX_CLAIM_RATIO = 3;
/** Below what a person notices as a pause. */
const MAX_FIRST_EVENT_P50_MS = 150;
/** Deltas go out at most every 200 ms; the rest is the way through the database. */
const MAX_STREAM_DELAY_P95_MS = 300;

/** What Fly takes to resume a suspended machine: the part of a wake-up that nothing here can make shorter. */
export const RESUME_MS = 300;
/**
 * The rest of a wake-up: some ten round trips (to the queue, the pool, the provider, and back over a new connection to the claim), a
 * quarter of a second until the worker looks at its clocks, and as much again for what a busy machine delays. That is under
 * a second in all, wherever a round trip takes less than 20 ms.
 */
const MAX_RESUME_ROUND_TRIPS = 10;
const MAX_RESUME_PAUSES_MS = 500;

/** A sentence for each limit that does not hold, or that has not been measured. */
export function brokenLatencyLimits(rows: readonly LatencyRow[]): string[] {
  const row = (name: LatencyRow["case"]) => rows.find((candidate) => candidate.case === name);
  const claimed = row("enqueue_to_claimed");
  const resume = row("resume");
  const limits: [string, number | undefined, number][] = [
    ["enqueue to claimed, times the floor", claimed && claimed.p50Ms / claimed.floorP50Ms, MAX_CLAIM_RATIO],
    ["claimed to first event, p50 in ms", row("claimed_to_first_event")?.p50Ms, MAX_FIRST_EVENT_P50_MS],
    [
      "enqueue to claimed by a worker that slept, p50 in ms",
      resume?.p50Ms,
      RESUME_MS + MAX_RESUME_PAUSES_MS + MAX_RESUME_ROUND_TRIPS * (resume?.floorP50Ms ?? 0),
    ],
    ["stream delay, p95 in ms", row("stream_delay")?.p95Ms, MAX_STREAM_DELAY_P95_MS],
  ];
  return limits.flatMap(([what, value, limit]) =>
    value !== undefined && value <= limit
      ? []
      : [`${what}: ${value?.toFixed(1) ?? "not measured"}, at most ${Math.round(limit)}`],
  );
}

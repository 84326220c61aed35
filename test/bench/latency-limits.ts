/** How long a user may wait for each part of a turn on a warm worker. Pure. */
import type { LatencyRow } from "./latency-cases.js";

/** What a warm worker may cost a user: claiming is itself a mutation and an update, and a third is the margin. */
const MAX_CLAIM_RATIO = 3;
/** Below what a person notices as a pause. */
const MAX_FIRST_EVENT_P50_MS = 150;
/** Deltas go out at most every 200 ms; the rest is the way through the database. */
const MAX_STREAM_DELAY_P95_MS = 300;

/** A sentence for each limit that does not hold, or that has not been measured. */
export function brokenLatencyLimits(rows: readonly LatencyRow[]): string[] {
  const row = (name: LatencyRow["case"]) => rows.find((candidate) => candidate.case === name);
  const claimed = row("enqueue_to_claimed");
  const limits: [string, number | undefined, number][] = [
    ["enqueue to claimed, times the floor", claimed && claimed.p50Ms / claimed.floorP50Ms, MAX_CLAIM_RATIO],
    ["claimed to first event, p50 in ms", row("claimed_to_first_event")?.p50Ms, MAX_FIRST_EVENT_P50_MS],
    ["stream delay, p95 in ms", row("stream_delay")?.p95Ms, MAX_STREAM_DELAY_P95_MS],
  ];
  return limits.flatMap(([what, value, limit]) =>
    value !== undefined && value <= limit ? [] : [`${what}: ${value?.toFixed(1) ?? "not measured"}, at most ${limit}`],
  );
}

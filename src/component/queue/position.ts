/** Where a lane stands, given its head: the fields of its row that follow from it. */
import type { Doc } from "../_generated/dataModel.js";
import { ANY_WORKER, isDue, laneRank, nextLaneState, WARM_WORKER_GRACE_MS, type LaneState } from "./lane.js";
import type { Admission } from "./slots.js";

export type HeadFacts = Pick<Doc<"messages">, "scheduledFor" | "priority">;

export type LanePosition = {
  state: LaneState;
  audience: string;
  rank?: number;
  readySince?: number;
  wakeAt?: number;
  slots?: string[];
  waitsFor?: string;
};

/** Spread before a position when a row is patched, so that what the new position lacks goes. */
export const NO_POSITION = { readySince: undefined, wakeAt: undefined, slots: undefined, waitsFor: undefined };

/** For a lane without a head that could run: nothing queued, or nothing due. */
export function positionAtRest(state: LaneState, head: HeadFacts | null): LanePosition {
  if (head === null) return { state: nextLaneState(state, "emptied"), audience: ANY_WORKER };
  return { state: nextLaneState(state, "head_later"), audience: ANY_WORKER, wakeAt: head.scheduledFor };
}

/**
 * For a lane whose head is due: ready, or throttled when `admission` says that it has to wait for a slot.
 *
 * A ready lane is reserved for `reservedFor` until `wakeAt`, if there is one; it then needs no machine yet.
 */
export function positionWhenDue(
  state: LaneState,
  head: HeadFacts,
  { slots, waitsFor }: Admission,
  reservedFor: string | undefined,
  now: number,
): LanePosition {
  const held = slots.length === 0 ? {} : { slots };
  const since = { rank: laneRank(now, head.priority), readySince: now };
  if (waitsFor !== undefined) {
    return { state: nextLaneState(state, "head_held_back"), audience: ANY_WORKER, ...since, ...held, waitsFor };
  }
  const ready = { state: nextLaneState(state, "head_due"), ...since, ...held };
  if (reservedFor === undefined) return { ...ready, audience: ANY_WORKER };
  return { ...ready, audience: reservedFor, wakeAt: now + WARM_WORKER_GRACE_MS };
}

/** True when the lane's head may run once it has its slots. */
export function wantsSlots(head: HeadFacts | null, now: number): head is HeadFacts {
  return head !== null && isDue(head, now);
}

/** True when another head changes nothing about where the lane stands: it has waited as long as before. */
export function staysPut(lane: { state: LaneState; wakeAt?: number }, head: HeadFacts | null, now: number): boolean {
  if (lane.state === "ready" || lane.state === "throttled") return wantsSlots(head, now);
  return lane.state === "delayed" && head !== null && !isDue(head, now) && head.scheduledFor === lane.wakeAt;
}

/** What the transition means for the counter `ready`. */
export function readyDelta(before: LaneState, after: LaneState): { ready: number } {
  return { ready: Number(after === "ready") - Number(before === "ready") };
}

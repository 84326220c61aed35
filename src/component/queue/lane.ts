/** The life of a lane, written down once as data, and the pure decisions around it. */
import type { Infer } from "convex/values";
import { hashText } from "../../shared/backoff.js";
import type { vLaneState } from "./tables.js";

export type LaneState = Infer<typeof vLaneState>;

/**
 * What can happen to a lane: its head became due, is due without a free slot, is due later, is gone with nothing behind
 * it, was claimed, or turned out to be for a disabled agent.
 */
export type LaneEvent = "head_due" | "head_held_back" | "head_later" | "emptied" | "claimed" | "agent_disabled";

/** Wherever a lane is, its head decides where it goes next. */
const BY_HEAD = { head_due: "ready", head_held_back: "throttled", head_later: "delayed", emptied: "idle" } as const;

export const LANE_TRANSITIONS: Record<LaneState, Partial<Record<LaneEvent, LaneState>>> = {
  idle: { head_due: "ready", head_held_back: "throttled", head_later: "delayed" },
  ready: { ...BY_HEAD, claimed: "leased", agent_disabled: "paused" },
  delayed: BY_HEAD,
  leased: BY_HEAD,
  throttled: BY_HEAD,
  paused: BY_HEAD,
};

/** @throws for a transition that the table does not list: a broken invariant, not something a caller handles. */
export function nextLaneState(state: LaneState, event: LaneEvent): LaneState {
  const next = LANE_TRANSITIONS[state][event];
  if (next === undefined) throw new Error(`A lane in state ${state} cannot take ${event}.`);
  return next;
}

export function isDue(head: { scheduledFor: number }, now: number): boolean {
  return head.scheduledFor <= now;
}

/**
 * The head of a lane, given the first message in line and the first to come due of those that stand aside: the one that
 * may run now; of two, the one that was accepted first; of none, the one that may run first.
 */
export function chooseHead<Message extends { scheduledFor: number; sequence: number }>(
  inLine: Message | null,
  aside: Message | null,
  now: number,
): Message | null {
  if (inLine === null || aside === null) return inLine ?? aside;
  if (isDue(inLine, now) !== isDue(aside, now)) return isDue(inLine, now) ? inLine : aside;
  if (isDue(inLine, now)) return inLine.sequence < aside.sequence ? inLine : aside;
  return inLine.scheduledFor <= aside.scheduledFor ? inLine : aside;
}

/** Shards of the ready set: claims read the head of each, so more of them spread contention and cost reads. */
export const LANE_SHARDS = 4;

export function laneShard(conversationId: string): number {
  return hashText(conversationId) % LANE_SHARDS;
}

export const MIN_PRIORITY = 0;
export const MAX_PRIORITY = 100;
/** One point of priority is a head start of 6 s, so the highest one of 10 minutes. */
const PRIORITY_HEAD_START_MS = 6_000;

/**
 * Position in the ready set: the smaller, the sooner. Since it is fixed when the lane becomes ready and newer lanes keep
 * getting larger ranks, every lane is first some day: priorities age without anybody rewriting rows.
 */
export function laneRank(readySince: number, priority: number): number {
  return readySince - priority * PRIORITY_HEAD_START_MS;
}

/** Open to every worker of the pool. */
export const ANY_WORKER = "any";
/** How long a ready lane waits for the worker whose disk is warm: longer than a claim takes, shorter than a restore. */
export const WARM_WORKER_GRACE_MS = 3_000;

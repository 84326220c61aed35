/** Finds the head of a lane and moves the lane on; every transition of a lane goes through here. */
import type { Doc, Id } from "../_generated/dataModel.js";
import { internal } from "../_generated/api.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { ANY_WORKER, headEvent, laneRank, nextLaneState, WARM_WORKER_GRACE_MS } from "./lane.js";
import { requestCapacity } from "./capacity.js";
import type { CounterDeltas } from "./counters.js";

export async function findLane(ctx: QueryCtx, conversationId: string): Promise<Doc<"lanes"> | null> {
  return await ctx.db
    .query("lanes")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .unique();
}

/** The oldest queued message: a returned one keeps its sequence, so nothing overtakes it. */
export async function findHead(ctx: QueryCtx, conversationId: string): Promise<Doc<"messages"> | null> {
  return await ctx.db
    .query("messages")
    .withIndex("by_lane_queue", (range) => range.eq("conversationId", conversationId).eq("status", "queued"))
    .order("asc")
    .first();
}

type HeadFacts = Pick<Doc<"messages">, "scheduledFor" | "priority">;
/** The fields that follow from a lane's head. */
type LanePosition = {
  state: Doc<"lanes">["state"];
  audience: string;
  rank?: number;
  wakeAt: number | undefined;
};

/**
 * The fields a lane gets when `head` is its head now (`null`: it has none).
 *
 * A ready lane is reserved for `reservedFor` until `wakeAt`, if there is one; the caller then needs no machine yet.
 */
export function laneWithHead(
  lane: Pick<Doc<"lanes">, "state">,
  head: HeadFacts | null,
  reservedFor: string | undefined,
  now: number,
): LanePosition {
  const state = nextLaneState(lane.state, headEvent(head, now));
  if (head === null || state === "idle") return { state, audience: ANY_WORKER, wakeAt: undefined };
  if (state === "delayed") {
    return { state, audience: ANY_WORKER, wakeAt: head.scheduledFor };
  }
  return {
    state,
    audience: reservedFor ?? ANY_WORKER,
    rank: laneRank(now, head.priority),
    wakeAt: reservedFor === undefined ? undefined : now + WARM_WORKER_GRACE_MS,
  };
}

/** What the transition means for the counter `ready`. */
export function readyDelta(before: Doc<"lanes">["state"], after: Doc<"lanes">["state"]): CounterDeltas {
  return { ready: Number(after === "ready") - Number(before === "ready") };
}

/**
 * Makes sure somebody comes for the lane: a reconcile now, or after the grace of a reservation, or a wake-up when a
 * delayed head is due.
 */
export async function arrangeWakeUp(
  ctx: MutationCtx,
  poolKey: string,
  lane: { state: Doc<"lanes">["state"]; wakeAt?: number | undefined },
): Promise<void> {
  if (lane.state === "ready") await requestCapacity(ctx, poolKey, lane.wakeAt ?? Date.now());
  if (lane.state === "delayed" && lane.wakeAt !== undefined) {
    await ctx.scheduler.runAt(lane.wakeAt, internal.queue.internal.wakeLanes, { poolKey });
  }
}

type LaneChange = {
  head: HeadFacts | null;
  queuedCount: number;
  generation?: number;
  /** Whose disk holds the newest workspace. */
  warmWorkerId?: string | undefined;
  /** That worker is leaving: what is next is not reserved for it. */
  isLeaving?: boolean;
};

/** Moves a lane whose head was settled, returned or canceled on to whatever is its head now. */
export async function advanceLane(ctx: MutationCtx, lane: Doc<"lanes">, change: LaneChange): Promise<CounterDeltas> {
  const reservedFor = change.isLeaving === true ? undefined : change.warmWorkerId;
  const next = laneWithHead(lane, change.head, reservedFor, Date.now());
  await ctx.db.patch("lanes", lane._id, {
    ...next,
    queuedCount: change.queuedCount,
    warmWorkerId: change.warmWorkerId,
    ...(change.generation === undefined ? {} : { generation: change.generation }),
  });
  await arrangeWakeUp(ctx, lane.poolKey, { state: next.state, wakeAt: next.wakeAt });
  return readyDelta(lane.state, next.state);
}

export async function requireLane(ctx: QueryCtx, laneId: Id<"lanes">): Promise<Doc<"lanes">> {
  const lane = await ctx.db.get("lanes", laneId);
  if (lane === null) throw new Error(`Lane not found: ${laneId}`);
  return lane;
}

/** Finds the head of a lane and moves the lane on; every transition of a lane but its claim goes through here. */
import type { ResolvedQueuePolicy } from "../../shared/queue-policy.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { passOnSlots } from "./admission.js";
import type { CounterDeltas } from "./counters.js";
import { ANY_WORKER, chooseHead } from "./lane.js";
import {
  NO_POSITION,
  positionAtRest,
  positionWhenDue,
  readyDelta,
  staysPut,
  wantsSlots,
  type HeadFacts,
  type LanePosition,
} from "./position.js";
import { policyOf, takeSlots } from "./slots.js";
import { arrangeWakeUp } from "./wake.js";

export async function findLane(ctx: QueryCtx, conversationId: string): Promise<Doc<"lanes"> | null> {
  return await ctx.db
    .query("lanes")
    .withIndex("by_conversation", (range) => range.eq("conversationId", conversationId))
    .unique();
}

export async function requireLane(ctx: QueryCtx, laneId: Id<"lanes">): Promise<Doc<"lanes">> {
  const lane = await ctx.db.get("lanes", laneId);
  if (lane === null) throw new Error(`Lane not found: ${laneId}`);
  return lane;
}

/** The oldest queued message in line: a returned one keeps its sequence, so nothing overtakes it. */
export async function firstInLine(ctx: QueryCtx, conversationId: string): Promise<Doc<"messages"> | null> {
  return await ctx.db
    .query("messages")
    .withIndex("by_lane_queue", (range) =>
      range.eq("conversationId", conversationId).eq("status", "queued").eq("asideUntil", undefined),
    )
    .first();
}

/** Of those that stand aside until they are due, the one that is due first. */
export async function firstAside(ctx: QueryCtx, conversationId: string): Promise<Doc<"messages"> | null> {
  return await ctx.db
    .query("messages")
    .withIndex("by_lane_queue", (range) =>
      range.eq("conversationId", conversationId).eq("status", "queued").gt("asideUntil", 0),
    )
    .first();
}

/** The message that runs next, due or not; see `chooseHead`. */
export async function findHead(ctx: QueryCtx, conversationId: string): Promise<Doc<"messages"> | null> {
  const inLine = await firstInLine(ctx, conversationId);
  return chooseHead(inLine, await firstAside(ctx, conversationId), Date.now());
}

/** Takes the slots a conversation's first message needs, and says where its new lane stands. */
export async function openingPosition(
  ctx: MutationCtx,
  lane: Pick<Doc<"lanes">, "poolKey" | "agentKey" | "consumerUserId">,
  head: HeadFacts,
  policy: ResolvedQueuePolicy,
  now: number,
): Promise<LanePosition> {
  if (!wantsSlots(head, now)) return positionAtRest("idle", head);
  return positionWhenDue("idle", head, await takeSlots(ctx, lane, [], policy), undefined, now);
}

type LaneChange = {
  head: HeadFacts | null;
  queuedCount: number;
  lastSequence?: number;
  generation?: number;
  dropped?: Doc<"lanes">["dropped"];
  /** Whose disk holds the newest workspace. */
  warmWorkerId?: string | undefined;
  /** That worker is leaving: what is next is not reserved for it. */
  isLeaving?: boolean;
  /** The agent's, where the caller has read it already. */
  policy?: ResolvedQueuePolicy;
};

/** Moves a lane whose head was added, settled, returned or canceled on to whatever is its head now. */
export async function advanceLane(
  ctx: MutationCtx,
  lane: Doc<"lanes">,
  { head, warmWorkerId, isLeaving, policy, ...change }: LaneChange,
): Promise<CounterDeltas> {
  const now = Date.now();
  if (staysPut(lane, head, now)) {
    await ctx.db.patch("lanes", lane._id, change);
    return {};
  }
  const held = lane.slots ?? [];
  const patch = async (position: LanePosition) => {
    await ctx.db.patch("lanes", lane._id, { ...NO_POSITION, ...position, ...change, warmWorkerId });
    // Whoever has just ended a turn claims the next one itself. Should it die in between, the sweep opens the lane.
    const isAwaited = lane.state === "leased" && position.state === "ready" && position.audience !== ANY_WORKER;
    if (!isAwaited) await arrangeWakeUp(ctx, lane.poolKey, position);
    return readyDelta(lane.state, position.state);
  };
  if (!wantsSlots(head, now)) {
    const delta = await patch(positionAtRest(lane.state, head));
    await passOnSlots(ctx, lane.poolKey, held);
    return delta;
  }
  // After a turn the conversation goes to the end of its groups' lines; before one it keeps what it has waited for.
  if (lane.state === "leased") await passOnSlots(ctx, lane.poolKey, held);
  const kept = lane.state === "leased" ? [] : held;
  // A conversation that goes on, and held no slot, is none that a cap counts: it was going before there was one.
  const isUncapped = lane.state === "leased" && held.length === 0;
  const admission = isUncapped
    ? { slots: [] }
    : await takeSlots(ctx, lane, kept, policy ?? (await policyOf(ctx, lane.agentKey)));
  const reservedFor = isLeaving === true ? undefined : warmWorkerId;
  return await patch(positionWhenDue(lane.state, head, admission, reservedFor, now));
}

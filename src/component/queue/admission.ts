/** Lets lanes that wait for a slot run as soon as one is free. */
import type { Doc } from "../_generated/dataModel.js";
import { isHalfSpent } from "../budget.js";
import type { MutationCtx } from "../functions.js";
import { count } from "./counters.js";
import { ANY_WORKER, nextLaneState, WARM_WORKER_GRACE_MS } from "./lane.js";
import { liveWarmWorker } from "./liveness.js";
import { NO_POSITION, readyDelta } from "./position.js";
import { firstWaiting, policyOf, returnSlots, takeSlots } from "./slots.js";
import { arrangeWakeUp } from "./wake.js";

/** Lanes one batch looks at; it ends earlier when half of its transaction is used. */
const BATCH = 100;

/** Gives a lane's slots back and passes each on to whoever waits longest for one of its group. */
export async function passOnSlots(ctx: MutationCtx, poolKey: string, slots: readonly string[]): Promise<void> {
  await returnSlots(ctx, poolKey, slots);
  for (const group of slots) {
    const next = await firstWaiting(ctx, poolKey, group);
    if (next !== null) await admit(ctx, next);
  }
}

/** Takes what slots the lane can have; true when it has moved on, to ready or to the line of its other group. */
async function admit(ctx: MutationCtx, lane: Doc<"lanes">): Promise<boolean> {
  const admission = await takeSlots(ctx, lane, lane.slots ?? [], await policyOf(ctx, lane.agentKey));
  const { slots, waitsFor } = admission;
  if (waitsFor !== undefined) {
    if (waitsFor === lane.waitsFor) return false;
    await ctx.db.patch("lanes", lane._id, { slots, waitsFor });
    return true;
  }
  const reservedFor = await liveWarmWorker(ctx, lane);
  const state = nextLaneState(lane.state, "head_due");
  const reservation =
    reservedFor === undefined
      ? { audience: ANY_WORKER }
      : { audience: reservedFor, wakeAt: Date.now() + WARM_WORKER_GRACE_MS };
  // Rank and `readySince` stay: its wait for the slot counts as much as any other.
  const { readySince: _, ...cleared } = NO_POSITION;
  await ctx.db.patch("lanes", lane._id, { ...cleared, ...reservation, state, ...(slots.length > 0 ? { slots } : {}) });
  await count(ctx, lane, lane._id, readyDelta(lane.state, state));
  await arrangeWakeUp(ctx, lane.poolKey, { state, ...reservation });
  return true;
}

/**
 * Looks again at an agent's throttled lanes after its caps were raised or removed, one batch from `afterRank` on.
 *
 * @returns where the next batch begins, `null` when there is none
 */
export async function admitWaiting(
  ctx: MutationCtx,
  { poolKey, agentKey, afterRank }: { poolKey: string; agentKey: string; afterRank: number },
): Promise<number | null> {
  const waiting = await ctx.db
    .query("lanes")
    .withIndex("by_agent", (range) =>
      range
        .eq("poolKey", poolKey)
        .eq("state", "throttled")
        .eq("agentKey", agentKey)
        .eq("audience", ANY_WORKER)
        .gte("rank", afterRank),
    )
    .take(BATCH);
  let admitted = 0;
  for (const lane of waiting) {
    if (await isHalfSpent(ctx)) return lane.rank;
    if (await admit(ctx, lane)) admitted += 1;
  }
  const last = waiting.at(-1);
  // Ties at the end of a full batch are looked at twice; a batch of nothing but the same rank would not end otherwise.
  return waiting.length < BATCH || last === undefined || (admitted === 0 && last.rank === afterRank) ? null : last.rank;
}

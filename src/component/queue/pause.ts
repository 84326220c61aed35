/** Puts the conversations of a disabled agent aside, and takes them up again when it is enabled. */
import type { Doc } from "../_generated/dataModel.js";
import { findAgent } from "../agents/profile.js";
import { isHalfSpent } from "../budget.js";
import type { MutationCtx } from "../functions.js";
import { count } from "./counters.js";
import { passOnSlots } from "./admission.js";
import { advanceLane, findHead } from "./head.js";
import { ANY_WORKER, nextLaneState } from "./lane.js";
import { liveWarmWorker } from "./liveness.js";
import { NO_POSITION, readyDelta } from "./position.js";

/** Lanes one batch looks at; it ends earlier when half of its transaction is used. */
const BATCH = 100;

/** Takes a lane out of the ready set: its messages wait, and no machine is wanted for them. */
export async function pauseLane(ctx: MutationCtx, lane: Doc<"lanes">): Promise<void> {
  const state = nextLaneState(lane.state, "agent_disabled");
  await ctx.db.patch("lanes", lane._id, { ...NO_POSITION, state, audience: ANY_WORKER });
  await count(ctx, lane, lane._id, readyDelta(lane.state, state));
  await passOnSlots(ctx, lane.poolKey, lane.slots ?? []);
}

/** Returns one batch of an enabled agent's lanes to where they belong. True when more may be waiting. */
export async function resumeLanes(ctx: MutationCtx, agentKey: string): Promise<boolean> {
  const agent = await findAgent(ctx, agentKey);
  // Disabled again in the meantime: whoever enables it the next time comes back.
  if (agent === null || !agent.enabled) return false;
  const { poolKey } = agent;
  const paused = await ctx.db
    .query("lanes")
    .withIndex("by_agent", (range) => range.eq("poolKey", poolKey).eq("state", "paused").eq("agentKey", agentKey))
    .take(BATCH);
  for (const lane of paused) {
    if (await isHalfSpent(ctx)) return true;
    const head = await findHead(ctx, lane.conversationId);
    const warmWorkerId = await liveWarmWorker(ctx, lane);
    const deltas = await advanceLane(ctx, lane, { head, queuedCount: lane.queuedCount, warmWorkerId });
    await count(ctx, lane, lane._id, deltas);
  }
  return paused.length === BATCH;
}

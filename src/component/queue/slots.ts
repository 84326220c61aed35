/**
 * Caps on how many conversations of one user or agent run at once; the only writer of `laneSlots`.
 *
 * A lane holds its slots from the moment it is ready until its turn has ended, so that the ready set holds nothing that
 * may not run, and claims never have to skip. A slot that becomes free is passed on in the same transaction to the lane
 * that waits longest: there is no wake-up that could be lost.
 */
import { resolveQueuePolicy, type ResolvedQueuePolicy } from "../../shared/queue-policy.js";
import type { Doc } from "../_generated/dataModel.js";
import { findAgent } from "../agents/profile.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

type Owned = Pick<Doc<"lanes">, "poolKey" | "agentKey" | "consumerUserId">;
type Group = { name: string; cap: number | undefined };

/**
 * The groups a lane belongs to, in the order in which their slots are taken. The user's comes first: a lane that waits
 * for its agent then keeps its own user's others out, never those of another user.
 */
function groupsOf(lane: Owned, policy: ResolvedQueuePolicy): Group[] {
  const ofAgent = { name: `agent:${lane.agentKey}`, cap: policy.maxConcurrent };
  if (lane.consumerUserId === undefined) return [ofAgent];
  return [{ name: `user:${lane.consumerUserId}`, cap: policy.maxConcurrentPerUser }, ofAgent];
}

export type Admission = { slots: string[]; waitsFor?: string };

/** Takes the slots the lane still needs; it has to wait where `waitsFor` is set, and keeps what it has. */
export async function takeSlots(
  ctx: MutationCtx,
  lane: Owned,
  held: readonly string[],
  policy: ResolvedQueuePolicy,
): Promise<Admission> {
  const slots = [...held];
  for (const { name, cap } of groupsOf(lane, policy)) {
    if (cap === undefined || slots.includes(name)) continue;
    const row = await findSlots(ctx, lane.poolKey, name);
    if ((row?.held ?? 0) >= cap) return { slots, waitsFor: name };
    if (row === null) await ctx.db.insert("laneSlots", { poolKey: lane.poolKey, group: name, held: 1 });
    else await ctx.db.patch("laneSlots", row._id, { held: row.held + 1 });
    slots.push(name);
  }
  return { slots };
}

/** Gives slots back; `admission.ts` passes them on. */
export async function returnSlots(ctx: MutationCtx, poolKey: string, slots: readonly string[]): Promise<void> {
  for (const name of slots) {
    const row = await findSlots(ctx, poolKey, name);
    if (row === null) continue;
    if (row.held <= 1) await ctx.db.delete("laneSlots", row._id);
    else await ctx.db.patch("laneSlots", row._id, { held: row.held - 1 });
  }
}

/** The lane that waits longest for a slot of the group. */
export async function firstWaiting(ctx: QueryCtx, poolKey: string, group: string): Promise<Doc<"lanes"> | null> {
  return await ctx.db
    .query("lanes")
    .withIndex("by_slot", (range) => range.eq("poolKey", poolKey).eq("waitsFor", group))
    .first();
}

/** The policy of the agent a lane belongs to; the defaults when the agent is gone. */
export async function policyOf(ctx: QueryCtx, agentKey: string): Promise<ResolvedQueuePolicy> {
  return resolveQueuePolicy((await findAgent(ctx, agentKey))?.queuePolicy);
}

async function findSlots(ctx: QueryCtx, poolKey: string, group: string): Promise<Doc<"laneSlots"> | null> {
  return await ctx.db
    .query("laneSlots")
    .withIndex("by_group", (range) => range.eq("poolKey", poolKey).eq("group", group))
    .unique();
}

/** Dead letters: messages that end without having run, and those that get another chance. */
import type { MessageStatus } from "../../shared/payload.js";
import { resolveQueuePolicy } from "../../shared/queue-policy.js";
import { internal } from "../_generated/api.js";
import type { Doc } from "../_generated/dataModel.js";
import { requireEnabledAgent } from "../agents/profile.js";
import type { MutationCtx } from "../functions.js";
import { count } from "./counters.js";
import { markDead, type Failure } from "./ending.js";
import { advanceLane, findHead, findLane } from "./head.js";
import { liveWarmWorker } from "./liveness.js";
import { mergeSummaries } from "./summary.js";

/** Makes the head of a ready lane a dead letter without running it; in its conversation that counts as a turn. */
export async function buryMessage(
  ctx: MutationCtx,
  lane: Doc<"lanes">,
  message: Doc<"messages">,
  failure: Failure,
): Promise<void> {
  const generation = lane.generation + 1;
  await markDead(ctx, message, generation, failure);
  const queuedCount = lane.queuedCount - 1;
  const head = queuedCount > 0 ? await findHead(ctx, lane.conversationId) : null;
  const dropped = mergeSummaries(message.summary, lane.dropped);
  const change = { queuedCount, generation, ...(dropped === undefined ? {} : { dropped }) };
  const deltas = await advanceLane(ctx, lane, { head, ...change, warmWorkerId: lane.warmWorkerId });
  await count(ctx, lane, message._id, { ...deltas, queued: -1, deadLetter: 1 });
}

export type Redrive = { redriven: boolean; status: MessageStatus };

/**
 * Puts a dead letter back into its line, where it stood before, with all its attempts to come. It overtakes nothing that
 * runs; what was said about its end is taken back.
 *
 * @throws `agent_not_found`, `agent_disabled`
 */
export async function redriveMessage(ctx: MutationCtx, message: Doc<"messages">): Promise<Redrive> {
  if (message.status !== "dead_letter") return { redriven: false, status: message.status };
  const agent = await requireEnabledAgent(ctx, message.agentKey);
  const lane = await findLane(ctx, message.conversationId);
  if (lane === null) throw new Error(`Message ${message._id} has no lane.`);
  const now = Date.now();
  await ctx.db.patch("messages", message._id, {
    status: "queued",
    attempts: 0,
    releases: undefined,
    scheduledFor: now,
    ...(message.asideUntil === undefined ? {} : { asideUntil: now }),
    finishedAt: undefined,
  });
  const attempts = { messageId: message._id, generation: lane.generation, keepEntries: false };
  await ctx.scheduler.runAfter(0, internal.conversations.internal.sweepTurn, attempts);
  const queuedCount = lane.queuedCount + 1;
  if (lane.state === "leased" || lane.state === "paused") {
    await ctx.db.patch("lanes", lane._id, { queuedCount });
    await count(ctx, lane, message._id, { queued: 1, deadLetter: -1 });
    return { redriven: true, status: "queued" };
  }
  const head = await findHead(ctx, lane.conversationId);
  const warmWorkerId = await liveWarmWorker(ctx, lane);
  const policy = resolveQueuePolicy(agent.queuePolicy);
  const deltas = await advanceLane(ctx, lane, { head, queuedCount, warmWorkerId, policy });
  await count(ctx, lane, message._id, { ...deltas, queued: 1, deadLetter: -1 });
  return { redriven: true, status: "queued" };
}

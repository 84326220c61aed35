/** Accepts messages: one transaction inserts the message at its conversation's tail and makes an idle lane ready. */
import { agentFactoryError } from "../../shared/errors.js";
import {
  MAX_ATTACHMENTS,
  MAX_ATTACHMENTS_BYTES,
  MAX_MESSAGE_TEXT_BYTES,
  MAX_RAW_UPDATE_BYTES,
  type Payload,
} from "../../shared/payload.js";
import type { Id } from "../_generated/dataModel.js";
import { requireEnabledAgent } from "../agents/profile.js";
import { ensureConversation } from "../conversations/transcript.js";
import type { MutationCtx } from "../functions.js";
import { requireIdentifier, requireIntegerBetween, requireMetadata, requireTextWithin } from "../validation.js";
import { count } from "./counters.js";
import { arrangeWakeUp, findLane, laneWithHead, readyDelta } from "./head.js";
import { laneRank, laneShard, MAX_PRIORITY, MIN_PRIORITY } from "./lane.js";
import { liveWarmWorker } from "./liveness.js";

export const DEFAULT_MAX_ATTEMPTS = 5;
const MAX_MAX_ATTEMPTS = 100;
/** A year: what is further away belongs into a schedule. */
const MAX_DELAY_MS = 366 * 24 * 60 * 60_000;

export type EnqueueRequest = {
  conversationId: string;
  agentKey: string;
  payload: Payload;
  priority?: number;
  scheduledFor?: number;
  maxAttempts?: number;
};

/**
 * Queues a message and returns its id; the id of the first one for a delivery that was accepted before.
 *
 * @throws `invalid_argument`, `agent_not_found`, `agent_disabled`, `conversation_mismatch`; nothing is written then
 */
export async function enqueueMessage(ctx: MutationCtx, request: EnqueueRequest): Promise<Id<"messages">> {
  const now = Date.now();
  const { conversationId, agentKey, payload } = request;
  validateRequest(request, now);
  // Before everything that may have changed since: what was accepted once stays accepted.
  const duplicate = await findDelivery(ctx, agentKey, payload);
  if (duplicate !== null) return duplicate;

  const agent = await requireEnabledAgent(ctx, agentKey);
  const lane = await findLane(ctx, conversationId);
  const owner = lane ?? (await ensureConversation(ctx, { conversationId, agentKey }));
  if (owner.agentKey !== agentKey) {
    throw agentFactoryError(
      "conversation_mismatch",
      `Conversation "${conversationId}" belongs to another agent. Use a conversation of its own for each.`,
      { argument: "conversationId" },
    );
  }
  const { poolKey } = lane ?? agent;
  const priority = request.priority ?? 0;
  const scheduledFor = Math.max(request.scheduledFor ?? now, now);
  const sequence = (lane?.lastSequence ?? 0) + 1;
  const messageId = await ctx.db.insert("messages", {
    conversationId,
    agentKey,
    poolKey,
    sequence,
    status: "queued",
    priority,
    scheduledFor,
    attempts: 0,
    maxAttempts: request.maxAttempts ?? DEFAULT_MAX_ATTEMPTS,
    payload,
    provider: payload.provider,
    ...(payload.externalMessageId === undefined ? {} : { externalMessageId: payload.externalMessageId }),
  });
  const head = { scheduledFor, priority };
  if (lane === null) {
    const { wakeAt, ...opened } = laneWithHead({ state: "idle" }, head, undefined, now);
    await ctx.db.insert("lanes", {
      conversationId,
      agentKey,
      poolKey,
      ...(owner.consumerUserId === undefined ? {} : { consumerUserId: owner.consumerUserId }),
      generation: 0,
      lastSequence: sequence,
      queuedCount: 1,
      shard: laneShard(conversationId),
      rank: laneRank(now, priority),
      ...opened,
      ...(wakeAt === undefined ? {} : { wakeAt }),
    });
    await count(ctx, poolKey, messageId, { queued: 1, ...readyDelta("idle", opened.state) });
    await arrangeWakeUp(ctx, poolKey, { state: opened.state, wakeAt });
    return messageId;
  }
  const tail = { lastSequence: sequence, queuedCount: lane.queuedCount + 1 };
  if (lane.state !== "idle") {
    // A follower: whoever settles the head moves the lane on to it.
    await ctx.db.patch("lanes", lane._id, tail);
    await count(ctx, poolKey, messageId, { queued: 1 });
    return messageId;
  }
  const warmWorkerId = await liveWarmWorker(ctx, lane);
  const opened = laneWithHead(lane, head, warmWorkerId, now);
  await ctx.db.patch("lanes", lane._id, { ...opened, ...tail, warmWorkerId });
  await count(ctx, poolKey, messageId, { queued: 1, ...readyDelta("idle", opened.state) });
  await arrangeWakeUp(ctx, poolKey, { state: opened.state, wakeAt: opened.wakeAt });
  return messageId;
}

async function findDelivery(ctx: MutationCtx, agentKey: string, payload: Payload): Promise<Id<"messages"> | null> {
  const { provider, externalMessageId } = payload;
  if (externalMessageId === undefined) return null;
  const known = await ctx.db
    .query("messages")
    .withIndex("by_delivery", (range) =>
      range.eq("agentKey", agentKey).eq("provider", provider).eq("externalMessageId", externalMessageId),
    )
    .first();
  return known?._id ?? null;
}

function validateRequest({ conversationId, agentKey, payload, ...options }: EnqueueRequest, now: number): void {
  requireIdentifier("conversationId", conversationId);
  requireIdentifier("agentKey", agentKey);
  requireIdentifier("payload.provider", payload.provider);
  requireIdentifier("payload.providerUserId", payload.providerUserId);
  if (payload.externalMessageId !== undefined) {
    requireIdentifier("payload.externalMessageId", payload.externalMessageId);
  }
  if (payload.messageText.trim() === "" && (payload.attachments ?? []).length === 0) {
    throw agentFactoryError("invalid_argument", "The message is empty. Send text or an attachment.", {
      argument: "payload.messageText",
    });
  }
  requireTextWithin("payload.messageText", payload.messageText, MAX_MESSAGE_TEXT_BYTES);
  requireTextWithin("payload.rawUpdateJson", payload.rawUpdateJson ?? "", MAX_RAW_UPDATE_BYTES);
  requireMetadata("payload.metadata", payload.metadata);
  const attachments = payload.attachments ?? [];
  requireIntegerBetween("payload.attachments.length", attachments.length, 0, MAX_ATTACHMENTS);
  requireTextWithin("payload.attachments", JSON.stringify(attachments), MAX_ATTACHMENTS_BYTES);
  if (options.priority !== undefined) requireIntegerBetween("priority", options.priority, MIN_PRIORITY, MAX_PRIORITY);
  if (options.maxAttempts !== undefined) requireIntegerBetween("maxAttempts", options.maxAttempts, 1, MAX_MAX_ATTEMPTS);
  if (options.scheduledFor !== undefined) {
    const { scheduledFor } = options;
    if (!Number.isFinite(scheduledFor) || scheduledFor > now + MAX_DELAY_MS) {
      throw agentFactoryError("invalid_argument", "scheduledFor must be a time in ms, at most a year from now.", {
        argument: "scheduledFor",
      });
    }
  }
}

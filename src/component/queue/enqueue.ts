/** Accepts messages: one transaction inserts the message at its conversation's tail and makes an idle lane ready. */
import { agentFactoryError } from "../../shared/errors.js";
import {
  MAX_ATTACHMENTS,
  MAX_ATTACHMENTS_BYTES,
  MAX_MESSAGE_TEXT_BYTES,
  MAX_RAW_UPDATE_BYTES,
  type Payload,
} from "../../shared/payload.js";
import { MAX_MAX_ATTEMPTS, resolveQueuePolicy, type ResolvedQueuePolicy } from "../../shared/queue-policy.js";
import type { Doc, Id } from "../_generated/dataModel.js";
import { requireEnabledAgent } from "../agents/profile.js";
import { admitFiles, bindFiles, type ClaimedAttachment } from "../conversations/attachments.js";
import type { MutationCtx } from "../functions.js";
import { bindingOfConversation } from "../identity/bindings.js";
import { requireIdentifier, requireIntegerBetween, requireMetadata, requireTextWithin } from "../validation.js";
import { count } from "./counters.js";
import { advanceLane, findHead, findLane, openingPosition } from "./head.js";
import { laneRank, laneShard, MAX_PRIORITY, MIN_PRIORITY } from "./lane.js";
import { liveWarmWorker } from "./liveness.js";
import { makeRoom } from "./overflow.js";
import { readyDelta, type HeadFacts } from "./position.js";
import { FINISHED_MESSAGE_RETENTION_MS, rawUpdateUntil } from "./retention.js";
import { arrangeWakeUp } from "./wake.js";

/** A year: what is further away belongs into a schedule. */
const MAX_DELAY_MS = 366 * 24 * 60 * 60_000;

export type EnqueueRequest = {
  conversationId: string;
  agentKey: string;
  /** Of a user's upload only the file, its name and its kind are said; the rest is read from storage. */
  payload: Omit<Payload, "attachments"> & { attachments?: ClaimedAttachment[] };
  priority?: number;
  scheduledFor?: number;
  /** Whether the conversation waits for it until it is due, and while it is tried again. Default true. */
  blocksFollowers?: boolean;
  maxAttempts?: number;
};

/**
 * Queues a message and returns its id; the id of the first one for a delivery that was accepted before.
 *
 * Beyond what any message costs, each file that comes with it reads three documents and writes one.
 *
 * @throws `invalid_argument`, `agent_not_found`, `agent_disabled`, `conversation_mismatch`, `queue_full`, `upload_rejected`;
 *   nothing is written then
 */
export async function enqueueMessage(ctx: MutationCtx, request: EnqueueRequest): Promise<Id<"messages">> {
  const now = Date.now();
  const { conversationId, agentKey, payload } = request;
  validateRequest(request, now);
  // Before everything that may have changed since: what was accepted once stays accepted.
  const duplicate = await findDelivery(ctx, agentKey, payload);
  if (duplicate !== null) return duplicate;

  const agent = await requireEnabledAgent(ctx, agentKey);
  const policy = resolveQueuePolicy(agent.queuePolicy);
  const lane = await findLane(ctx, conversationId);
  const owner = lane ?? (await ownerOf(ctx, conversationId, agentKey));
  if (owner.agentKey !== agentKey) {
    throw agentFactoryError(
      "conversation_mismatch",
      `Conversation "${conversationId}" belongs to another agent. Use a conversation of its own for each.`,
      { argument: "conversationId" },
    );
  }
  const room = await makeRoom(ctx, lane, policy);
  const { poolKey } = lane ?? agent;
  const sequence = (lane?.lastSequence ?? 0) + 1;
  const scheduledFor = Math.max(request.scheduledFor ?? now, now);
  const { attachments, ...said } = payload;
  const keptUntil = now + FINISHED_MESSAGE_RETENTION_MS;
  const files = await admitFiles(ctx, attachments ?? [], { consumerUserId: owner.consumerUserId, keptUntil });
  const message = {
    conversationId,
    agentKey,
    poolKey,
    sequence,
    priority: request.priority ?? 0,
    scheduledFor,
    ...(request.blocksFollowers === false ? { asideUntil: scheduledFor } : {}),
    attempts: 0,
    maxAttempts: request.maxAttempts ?? policy.maxAttempts,
    payload: attachments === undefined ? said : { ...said, attachments: files.map(({ attachment }) => attachment) },
    ...rawUpdateUntil(payload, now),
    provider: payload.provider,
    ...(payload.externalMessageId === undefined ? {} : { externalMessageId: payload.externalMessageId }),
  };
  if (lane !== null && room.kind === "drop_new") {
    const ending = { status: "dropped" as const, lastError: room.reason, finishedAt: now };
    const messageId = await ctx.db.insert("messages", { ...message, ...ending });
    await bindFiles(ctx, files, messageId);
    await ctx.db.patch("lanes", lane._id, { lastSequence: sequence });
    await count(ctx, lane, messageId, { dropped: 1 });
    return messageId;
  }
  const messageId = await ctx.db.insert("messages", { ...message, status: "queued" });
  await bindFiles(ctx, files, messageId);
  if (lane !== null) {
    const isReplacing = room.kind === "made";
    const tail = {
      lastSequence: sequence,
      queuedCount: lane.queuedCount + (isReplacing ? 0 : 1),
      ...(isReplacing ? { dropped: room.dropped } : {}),
    };
    await append(ctx, lane, { ...message, _id: messageId }, { tail, isReplacing, policy });
    return messageId;
  }
  const opened = await openingPosition(ctx, { poolKey, ...owner }, message, policy, now);
  await ctx.db.insert("lanes", {
    conversationId,
    poolKey,
    ...owner,
    generation: 0,
    lastSequence: sequence,
    queuedCount: 1,
    shard: laneShard(conversationId),
    rank: laneRank(now, message.priority),
    ...opened,
  });
  await count(ctx, { poolKey, agentKey }, messageId, { queued: 1, ...readyDelta("idle", opened.state) });
  await arrangeWakeUp(ctx, poolKey, opened);
  return messageId;
}

type Tail = { lastSequence: number; queuedCount: number; dropped?: Doc<"lanes">["dropped"] };

/** Puts the new message behind what its lane has already. */
async function append(
  ctx: MutationCtx,
  lane: Doc<"lanes">,
  message: HeadFacts & { _id: Id<"messages"> },
  { tail, isReplacing, policy }: { tail: Tail; isReplacing: boolean; policy: ResolvedQueuePolicy },
): Promise<void> {
  // It can be the head only where nothing is due, or where the head has just been dropped. Everywhere else it is a
  // follower: whoever settles the head moves the lane on to it.
  const mayHaveNewHead = lane.state === "idle" || lane.state === "delayed";
  const mayHaveLostHead = isReplacing && (lane.state === "ready" || lane.state === "throttled");
  if (!mayHaveNewHead && !mayHaveLostHead) {
    await ctx.db.patch("lanes", lane._id, tail);
    await count(ctx, lane, message._id, { queued: 1 });
    return;
  }
  const head = lane.state === "idle" ? message : await findHead(ctx, lane.conversationId);
  const warmWorkerId = await liveWarmWorker(ctx, lane);
  const deltas = await advanceLane(ctx, lane, { head, warmWorkerId, policy, ...tail });
  await count(ctx, lane, message._id, { queued: 1, ...deltas });
}

/** Whom a new conversation belongs to: the binding that made it, never the caller, names the user. */
async function ownerOf(
  ctx: MutationCtx,
  conversationId: string,
  agentKey: string,
): Promise<{ agentKey: string; consumerUserId?: string }> {
  const binding = await bindingOfConversation(ctx, conversationId);
  if (binding === null) return { agentKey };
  return { agentKey: binding.agentKey, consumerUserId: binding.consumerUserId };
}

async function findDelivery(
  ctx: MutationCtx,
  agentKey: string,
  payload: EnqueueRequest["payload"],
): Promise<Id<"messages"> | null> {
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

/** Registered functions of the queue that apps call; workers come in through `workers/public.ts`. */
import { v } from "convex/values";
import { vMessageStatus, vPayload } from "../../shared/payload.js";
import { vCancellation, vRecoveryReport, vRedrive } from "../../shared/reports.js";
import { vJobView, vQueueHealth, vQueueStats } from "../../shared/views.js";
import { DEFAULT_POOL_KEY } from "../agents/profile.js";
import { mutation, query } from "../functions.js";
import { boundedLimit } from "../validation.js";
import { cancelMessage as cancelOneMessage, requireMessage } from "./cancel.js";
import { readAgentStats, readPoolStats } from "./counters.js";
import { redriveMessage } from "./deadLetters.js";
import { overdueSince } from "./deadlines.js";
import { enqueueMessage } from "./enqueue.js";
import { findHead } from "./head.js";
import { listMessagesByStatus } from "./messages.js";
import { sweepOnce, sweepState } from "./sweep.js";
import { restartSweeper } from "./sweeper.js";

const DEFAULT_LIST = 50;
const MAX_LIST = 200;

/**
 * Queues a message for a conversation and returns its id. The same `(agentKey, provider, externalMessageId)` is accepted
 * once: a repeated delivery gets the first id.
 *
 * `priority` 0–100 (default 0), `scheduledFor` in ms (default now), `maxAttempts` 1–100 (default: the agent's). A message
 * for later holds up what is sent to its conversation after it, unless `blocksFollowers` is false.
 */
export const enqueue = mutation({
  args: {
    conversationId: v.string(),
    agentKey: v.string(),
    payload: vPayload,
    priority: v.optional(v.number()),
    scheduledFor: v.optional(v.number()),
    blocksFollowers: v.optional(v.boolean()),
    maxAttempts: v.optional(v.number()),
  },
  returns: v.string(),
  handler: async (ctx, args) => await enqueueMessage(ctx, args),
});

/** Counters of the default pool; its cost does not depend on the backlog. */
export const queueStats = query({
  args: {},
  returns: vQueueStats,
  handler: async (ctx) => await readPoolStats(ctx, DEFAULT_POOL_KEY),
});

/** The same counters for one agent. */
export const agentQueueStats = query({
  args: { agentKey: v.string() },
  returns: vQueueStats,
  handler: async (ctx, { agentKey }) => await readAgentStats(ctx, agentKey),
});

/** Cancels a message unless it has ended, whoever sent it; `status` is what it is then. @throws `message_not_found` */
export const cancelMessage = mutation({
  args: { messageId: v.string() },
  returns: vCancellation,
  handler: async (ctx, { messageId }) => await cancelOneMessage(ctx, await requireMessage(ctx, messageId)),
});

/**
 * Gives a dead letter another chance, at its old place in its conversation; `redriven` is false for any other message.
 *
 * @throws `message_not_found`, `agent_not_found`, `agent_disabled`
 */
export const redrive = mutation({
  args: { messageId: v.string() },
  returns: vRedrive,
  handler: async (ctx, { messageId }) => await redriveMessage(ctx, await requireMessage(ctx, messageId)),
});

export const hasQueuedJobsForConversation = query({
  args: { conversationId: v.string() },
  returns: v.boolean(),
  handler: async (ctx, { conversationId }) => (await findHead(ctx, conversationId)) !== null,
});

/** Oldest first, at most 200 and fewer when they are large. */
export const listJobsByStatus = query({
  args: { status: vMessageStatus, limit: v.optional(v.number()) },
  returns: v.array(vJobView),
  handler: async (ctx, { status, limit }) => {
    const messages = await listMessagesByStatus(ctx, status, boundedLimit(limit, DEFAULT_LIST, MAX_LIST));
    return messages.map((message) => ({
      _id: message._id,
      _creationTime: message._creationTime,
      conversationId: message.conversationId,
      agentKey: message.agentKey,
      status: message.status,
      priority: message.priority,
      scheduledFor: message.scheduledFor,
      attempts: message.attempts,
      maxAttempts: message.maxAttempts,
      ...(message.lastError === undefined ? {} : { lastError: message.lastError }),
      errors: message.errors ?? [],
    }));
  },
});

/** Whether the queue's own clock is kept; see {@link vQueueHealth}. */
export const queueHealth = query({
  args: {},
  returns: vQueueHealth,
  handler: async (ctx) => {
    const now = Date.now();
    const since = await overdueSince(ctx, DEFAULT_POOL_KEY, now);
    return { sweep: sweepState(since, now), overdueSince: since };
  },
});

/**
 * Takes back what dead workers hold, one batch now and the rest in the background, whose loop it starts anew.
 *
 * `requeued` messages will run again; `unlocked` counts the conversations that could go on, dead letters included.
 */
export const releaseStuckJobs = mutation({
  args: {},
  returns: vRecoveryReport,
  handler: async (ctx) => {
    const { requeued, deadLettered } = await sweepOnce(ctx, DEFAULT_POOL_KEY);
    await restartSweeper(ctx, DEFAULT_POOL_KEY);
    return { requeued, unlocked: requeued + deadLettered };
  },
});

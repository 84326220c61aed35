/** One conversation as a page shows it: what was said, what is being said, and what waits. */
import type { Attachment, Payload } from "../../shared/payload.js";
import type { ConversationView, LiveTurn, QueueItemView } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import { readStream } from "../conversations/stream.js";
import { HYDRATION_WINDOW_CHARACTERS, readWindow, type UrlOf } from "../conversations/transcript.js";
import type { QueryCtx } from "../functions.js";
import { findLane } from "../queue/head.js";
import { listMessages, newestMessage, type MessageFilter } from "../queue/messages.js";
import { waitingReasons, type Reader } from "./waiting.js";

/** Messages that run, then those that wait; what ended is in the transcript. */
const ACTIVE_STATUSES = ["processing", "queued"] as const;
/** Each is one more read: what a page of full messages has, and far from what one query may read. */
const MAX_URLS = 400;

export async function conversationView(
  ctx: QueryCtx,
  conversationId: string,
  limit: number,
): Promise<ConversationView> {
  const lane = await findLane(ctx, conversationId);
  const urlOf = boundedUrls(ctx);
  const contextHistory = await readWindow(ctx, conversationId, {
    entries: limit,
    characters: HYDRATION_WINDOW_CHARACTERS,
    urlOf,
    // What the running turn has added so far is part of the story once the turn has completed.
    before: lane?.state === "leased" ? lane.generation : undefined,
  });
  const active = await listMessages(ctx, { conversationId, statuses: ACTIVE_STATUSES, limit });
  const running = active.find(({ status }) => status === "processing");
  const liveTurn = running === undefined || lane === null ? null : await readLiveTurn(ctx, lane, running);
  const newest = await newestMessage(ctx, conversationId);
  const lastOf = (role: string) => contextHistory.filter((entry) => entry.role === role).at(-1)?.at ?? null;
  return {
    conversationId,
    contextHistory,
    pendingToolCalls: liveTurn?.toolCalls.filter(({ status }) => status === "pending" || status === "running") ?? [],
    queueItems: await queueItemViews(ctx, lane, active, { urlOf, reader: "user" }),
    hasQueuedJobs: active.some(({ status }) => status === "queued"),
    latestMessageId: newest?._id ?? null,
    lastUserMessageAt: newest?._creationTime ?? lastOf("user"),
    lastAssistantMessageAt: lastOf("assistant"),
    liveTurn,
  };
}

async function readLiveTurn(ctx: QueryCtx, lane: Doc<"lanes">, message: Doc<"messages">): Promise<LiveTurn> {
  const stream = await readStream(ctx, { messageId: message._id, generation: lane.generation });
  return { messageId: message._id, attempt: message.attempts, startedAt: message.startedAt ?? 0, ...stream };
}

export async function listQueueItems(ctx: QueryCtx, filter: MessageFilter, reader: Reader): Promise<QueueItemView[]> {
  const lane = await findLane(ctx, filter.conversationId);
  return await queueItemViews(ctx, lane, await listMessages(ctx, filter), { urlOf: boundedUrls(ctx), reader });
}

async function queueItemViews(
  ctx: QueryCtx,
  lane: Doc<"lanes"> | null,
  messages: Doc<"messages">[],
  { urlOf, reader }: { urlOf: UrlOf; reader: Reader },
): Promise<QueueItemView[]> {
  const reasons = await waitingReasons(ctx, lane, messages, reader);
  const payloads: Payload[] = [];
  for (const { payload } of messages) payloads.push(await withUrls(ctx, payload, urlOf));
  return messages.map((message, index) => ({
    _id: message._id,
    _creationTime: message._creationTime,
    conversationId: message.conversationId,
    agentKey: message.agentKey,
    status: message.status,
    priority: message.priority,
    scheduledFor: message.scheduledFor,
    attempts: message.attempts,
    maxAttempts: message.maxAttempts,
    lastError: message.lastError ?? null,
    payload: payloads[index] ?? message.payload,
    waitingReason: reasons[index] ?? null,
  }));
}

/** The way to the file of every attachment that is stored; what an app has said of others stays as it is. */
async function withUrls(ctx: QueryCtx, payload: Payload, urlOf: UrlOf): Promise<Payload> {
  if (payload.attachments === undefined) return payload;
  const attachments: Attachment[] = [];
  for (const attachment of payload.attachments) {
    const storageId = ctx.db.system.normalizeId("_storage", attachment.storageId);
    const downloadUrl = storageId === null ? null : await urlOf(storageId);
    attachments.push({ ...attachment, ...(downloadUrl === null ? {} : { downloadUrl }) });
  }
  return { ...payload, attachments };
}

function boundedUrls(ctx: QueryCtx): UrlOf {
  let left = MAX_URLS;
  return async (storageId) => (left-- > 0 ? await ctx.storage.getUrl(storageId) : null);
}

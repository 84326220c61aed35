/** Cancels a message: one that waits leaves its line, one that runs loses its lease, one that has ended stays as it is. */
import { agentFactoryError } from "../../shared/errors.js";
import type { MessageStatus } from "../../shared/payload.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { count } from "./counters.js";
import { endLease, tell } from "./ending.js";
import { advanceLane, findHead, findLane } from "./head.js";
import { liveWarmWorker } from "./liveness.js";
import { mergeSummaries } from "./summary.js";

export type Cancellation = { canceled: boolean; status: MessageStatus };

/** @param conversationId the only one it may be of, if given @throws `message_not_found` */
export async function requireMessage(
  ctx: QueryCtx,
  messageId: string,
  conversationId?: string,
): Promise<Doc<"messages">> {
  const id = ctx.db.normalizeId("messages", messageId);
  const message = id === null ? null : await ctx.db.get("messages", id);
  if (message === null || (conversationId !== undefined && message.conversationId !== conversationId)) {
    throw agentFactoryError("message_not_found", "There is no such message, or it has been removed by retention.", {
      argument: "messageId",
    });
  }
  return message;
}

/**
 * Cancels the message unless it has ended. The worker that runs it learns so through its inbox; whatever it still sends
 * is refused with `lease_lost`.
 */
export async function cancelMessage(ctx: MutationCtx, message: Doc<"messages">): Promise<Cancellation> {
  switch (message.status) {
    case "queued":
      await cancelQueued(ctx, message);
      break;
    case "processing":
      await cancelRunning(ctx, message);
      break;
    default:
      return { canceled: false, status: message.status };
  }
  return { canceled: true, status: "canceled" };
}

const CANCELED = { status: "canceled", summary: undefined } as const;

async function cancelQueued(ctx: MutationCtx, message: Doc<"messages">): Promise<void> {
  const lane = await findLane(ctx, message.conversationId);
  if (lane === null) throw new Error(`Message ${message._id} has no lane.`);
  await ctx.db.patch("messages", message._id, { ...CANCELED, finishedAt: Date.now() });
  const queuedCount = lane.queuedCount - 1;
  const dropped = mergeSummaries(message.summary, lane.dropped);
  const rest = { queuedCount, ...(dropped === undefined ? {} : { dropped }) };
  if (lane.state === "leased" || (lane.state === "paused" && queuedCount > 0)) {
    await ctx.db.patch("lanes", lane._id, rest);
    await count(ctx, lane, message._id, { queued: -1, canceled: 1 });
    return;
  }
  const head = queuedCount > 0 ? await findHead(ctx, lane.conversationId) : null;
  const warmWorkerId = await liveWarmWorker(ctx, lane);
  const deltas = await advanceLane(ctx, lane, { head, warmWorkerId, ...rest });
  await count(ctx, lane, message._id, { ...deltas, queued: -1, canceled: 1 });
}

async function cancelRunning(ctx: MutationCtx, message: Doc<"messages">): Promise<void> {
  const lease = await ctx.db
    .query("leases")
    .withIndex("by_message", (range) => range.eq("messageId", message._id))
    .unique();
  if (lease === null) throw new Error(`Message ${message._id} is running without a lease.`);
  await ctx.db.patch("messages", message._id, { ...CANCELED, finishedAt: Date.now() });
  await tell(ctx, message, lease.generation, { role: "system", content: "This message was canceled." });
  // The worker's disk is in the middle of a turn that never was.
  const untold = message.summary === undefined ? {} : { untold: message.summary };
  await endLease(ctx, lease, { processing: -1, canceled: 1 }, { warmth: "cold", keepEntries: true, ...untold });
}

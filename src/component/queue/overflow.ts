/** Decides about one message more than its conversation may have queued; nothing is dropped without a record. */
import { agentFactoryError } from "../../shared/errors.js";
import type { ResolvedQueuePolicy } from "../../shared/queue-policy.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx } from "../functions.js";
import { count } from "./counters.js";
import { firstAside, firstInLine } from "./head.js";
import { mergeSummaries, summarize } from "./summary.js";

/** What enqueue does with the new message, once room has been made for it or not. */
export type Room =
  | { kind: "free" }
  /** It is stored as dropped, for this reason. */
  | { kind: "drop_new"; reason: string }
  /** An older one was dropped instead; what its lane has to tell the next turn then. */
  | { kind: "made"; dropped: Doc<"lanes">["dropped"] };

/** @throws `queue_full` under the policy `reject` */
export async function makeRoom(
  ctx: MutationCtx,
  lane: Doc<"lanes"> | null,
  { maxQueuedPerConversation, overflow }: ResolvedQueuePolicy,
): Promise<Room> {
  if (lane === null || lane.queuedCount < maxQueuedPerConversation) return { kind: "free" };
  const reason = `${lane.queuedCount} messages were waiting in this conversation, which is as many as may.`;
  if (overflow === "reject") {
    throw agentFactoryError("queue_full", `${reason} Wait until some are answered, or cancel them.`, {
      argument: "conversationId",
    });
  }
  if (overflow === "drop_new") return { kind: "drop_new", reason: `Dropped: ${reason}` };
  const victim = (await firstInLine(ctx, lane.conversationId)) ?? (await firstAside(ctx, lane.conversationId));
  if (victim === null) throw new Error(`Lane ${lane._id} counts queued messages and has none.`);
  await ctx.db.patch("messages", victim._id, {
    status: "dropped",
    lastError: `Dropped: ${reason}`,
    finishedAt: Date.now(),
    summary: undefined,
  });
  await count(ctx, lane, victim._id, { queued: -1, dropped: 1 });
  const own = overflow === "summarize" ? summarize(victim.payload.messageText) : undefined;
  return { kind: "made", dropped: mergeSummaries(lane.dropped, victim.summary, own) };
}

/** What every ending of a message has in common: its lease goes, its lane moves on, its conversation is told. */
import { shorten } from "../../shared/text.js";
import { withAttemptError, type FailureKind } from "../../shared/failure.js";
import { internal } from "../_generated/api.js";
import type { Doc } from "../_generated/dataModel.js";
import { recordTurn } from "../conversations/transcript.js";
import type { MutationCtx } from "../functions.js";
import { offerIdleWorker } from "./capacity.js";
import { count, type CounterDeltas } from "./counters.js";
import { advanceLane, findHead, requireLane } from "./head.js";
import { mergeSummaries, summaryText } from "./summary.js";

/**
 * Whether the worker that had the turn is the best place for the next one. `warm`: its disk is as the turn left it.
 * `leaving`: that too, but it claims nothing more. `cold`: its disk is not what the next turn starts from.
 */
export type Warmth = "warm" | "leaving" | "cold";

/** Longer ones are cut: an error is a sentence, not a log. */
const MAX_ERROR_CHARACTERS = 1_000;

export type Failure = { kind: FailureKind; message: string };

/** The fields that remember a failed attempt. */
export function failureFields(message: Doc<"messages">, failure: Failure) {
  const lastError = shorten(failure.message, MAX_ERROR_CHARACTERS);
  const error = { attempt: message.attempts, at: Date.now(), kind: failure.kind, message: lastError };
  return { lastError, errors: withAttemptError(message.errors, error) };
}

type Ending = {
  warmth: Warmth;
  /** True when the message went back into its lane. */
  isReturned?: boolean;
  /** Whether what the turn added to the transcript stays there. */
  keepEntries: boolean;
  /** What the turn was told about dropped messages and did not get to use: the next one is told. */
  untold?: Doc<"messages">["summary"];
};

/** Deletes the lease and moves its lane on; true when the lane's next message is ready now. */
export async function endLease(
  ctx: MutationCtx,
  lease: Doc<"leases">,
  deltas: CounterDeltas,
  { isReturned = false, warmth, keepEntries, untold }: Ending,
): Promise<boolean> {
  await ctx.db.delete("leases", lease._id);
  const lane = await requireLane(ctx, lease.laneId);
  const queuedCount = lane.queuedCount + (isReturned ? 1 : 0);
  const ready = await advanceLane(ctx, lane, {
    head: queuedCount > 0 ? await findHead(ctx, lane.conversationId) : null,
    queuedCount,
    ...(untold === undefined ? {} : { dropped: mergeSummaries(untold, lane.dropped) }),
    warmWorkerId: warmth === "cold" ? undefined : lane.warmWorkerId,
    isLeaving: warmth === "leaving",
  });
  await count(ctx, lane, lease._id, { ...deltas, ...ready });
  const isFollowed = ready.ready === 1;
  // A lane that is ready again keeps its worker busy; any other leaves it idle, which a full pool waits for.
  if (!isFollowed) await offerIdleWorker(ctx, lease.poolKey);
  const { messageId, generation } = lease;
  await ctx.scheduler.runAfter(0, internal.conversations.internal.sweepTurn, { messageId, generation, keepEntries });
  return isFollowed;
}

/** Writes into the conversation what was asked and how it ended. */
export async function tell(
  ctx: MutationCtx,
  { _id, _creationTime, conversationId, payload, summary }: Doc<"messages">,
  generation: number,
  ending: { role: "assistant" | "system"; content: string },
): Promise<void> {
  const origin = { conversationId, messageId: _id, generation };
  await recordTurn(ctx, origin, {
    ...(summary === undefined || ending.role === "system" ? {} : { preface: summaryText(summary) }),
    question: { content: payload.messageText, at: _creationTime, attachments: payload.attachments ?? [] },
    ending,
  });
}

/** Makes a message a dead letter; its lease or its place in the lane is the caller's business. */
export async function markDead(
  ctx: MutationCtx,
  message: Doc<"messages">,
  generation: number,
  failure: Failure,
): Promise<void> {
  const fields = failureFields(message, failure);
  await ctx.db.patch("messages", message._id, {
    status: "dead_letter",
    finishedAt: Date.now(),
    summary: undefined,
    ...fields,
  });
  await tell(ctx, message, generation, {
    role: "system",
    content: `This message could not be answered: ${fields.lastError}`,
  });
}

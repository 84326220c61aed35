/** Ends or returns a running turn: complete, fail, release. Each checks the lease first and changes nothing when it is lost. */
import { backoffMs, DEFAULT_BACKOFF, unitFromText } from "../../shared/backoff.js";
import { agentFactoryError } from "../../shared/errors.js";
import { shorten } from "../../shared/text.js";
import type { Usage } from "../../shared/payload.js";
import { internal } from "../_generated/api.js";
import type { Doc } from "../_generated/dataModel.js";
import { recordTurn } from "../conversations/transcript.js";
import { sha256Hex } from "../digest.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { offerIdleWorker } from "./capacity.js";
import { count } from "./counters.js";
import { advanceLane, findHead, requireLane } from "./head.js";
import { findHolder, isLeaseAlive } from "./liveness.js";

/** What a worker shows to act on a claimed message. */
export type LeaseClaim = { workerId: string; messageId: string; leaseId: string; generation: number };

export type HeldTurn = { lease: Doc<"leases">; message: Doc<"messages"> };

/** Longer ones are cut: an error is a sentence, not a log. */
const MAX_ERROR_CHARACTERS = 1_000;

/** @returns null when the lease does not exist, is not this worker's, or is dead. */
export async function findHeldTurn(ctx: QueryCtx, claim: LeaseClaim): Promise<HeldTurn | null> {
  const leaseId = ctx.db.normalizeId("leases", claim.leaseId);
  const lease = leaseId === null ? null : await ctx.db.get("leases", leaseId);
  if (
    lease === null ||
    lease.workerId !== claim.workerId ||
    lease.messageId !== claim.messageId ||
    lease.generation !== claim.generation ||
    !isLeaseAlive(lease, await findHolder(ctx, claim.workerId), Date.now())
  ) {
    return null;
  }
  const message = await ctx.db.get("messages", lease.messageId);
  return message === null ? null : { lease, message };
}

/** @throws `lease_lost` */
export async function requireHeldTurn(ctx: QueryCtx, claim: LeaseClaim): Promise<HeldTurn> {
  const held = await findHeldTurn(ctx, claim);
  if (held === null) throw leaseLost();
  return held;
}

function leaseLost() {
  return agentFactoryError(
    "lease_lost",
    "This worker no longer holds the message: its lease expired, was canceled or went to another worker. Discard the turn.",
  );
}

/**
 * Whether the worker that had the turn is the best place for the next one. `warm`: its disk is as the turn left it.
 * `leaving`: that too, but it claims nothing more. `cold`: its disk is not what the next turn starts from.
 */
export type Warmth = "warm" | "leaving" | "cold";

export type CompletedTurn = {
  lease: Doc<"leases">;
  /** The conversation's next message is ready, and reserved for this worker unless it is leaving. */
  isFollowed: boolean;
};

export type TurnResult = { reply: string; usage?: Usage; snapshotId?: string };

/**
 * Completes the turn: reply and question enter the transcript, the lease ends, the lane moves on.
 *
 * Repeating the same call gets the same answer; completing again with another result is refused.
 *
 * @returns the turn when this call completed it, null when an equal one had
 * @throws `lease_lost`, `already_completed`
 */
export async function completeTurn(
  ctx: MutationCtx,
  claim: LeaseClaim,
  result: TurnResult,
  warmth: Warmth,
): Promise<CompletedTurn | null> {
  const resultHash = await sha256Hex(JSON.stringify([result.reply, result.usage ?? null, result.snapshotId ?? null]));
  const held = await findHeldTurn(ctx, claim);
  if (held === null) {
    await requireEqualCompletion(ctx, claim, resultHash);
    return null;
  }
  const { lease, message } = held;
  await ctx.db.patch("messages", message._id, {
    status: "done",
    finishedAt: Date.now(),
    completion: { leaseId: lease._id, generation: lease.generation, resultHash },
    ...(result.usage === undefined ? {} : { usage: result.usage }),
  });
  await tell(ctx, message, lease.generation, { role: "assistant", content: result.reply });
  const isFollowed = await endLease(ctx, lease, { processing: -1, done: 1 }, { warmth, keepEntries: true });
  return { lease, isFollowed };
}

async function requireEqualCompletion(ctx: QueryCtx, claim: LeaseClaim, resultHash: string): Promise<void> {
  const messageId = ctx.db.normalizeId("messages", claim.messageId);
  const completion = messageId === null ? undefined : (await ctx.db.get("messages", messageId))?.completion;
  if (completion?.leaseId !== claim.leaseId || completion.generation !== claim.generation) throw leaseLost();
  if (completion.resultHash !== resultHash) {
    throw agentFactoryError(
      "already_completed",
      "This turn was completed with another result, which stands. Discard this one.",
    );
  }
}

export type FailureOutcome = { requeued: boolean; deadLettered: boolean; nextScheduledFor: number | null };

/** Ends a live turn without a reply. @throws `lease_lost` */
export async function failTurn(
  ctx: MutationCtx,
  claim: LeaseClaim,
  failure: { errorMessage: string; retryable: boolean; warmth: Warmth },
): Promise<FailureOutcome> {
  const { lease, message } = await requireHeldTurn(ctx, claim);
  return await endFailedTurn(ctx, lease, message, failure);
}

/** Ends a turn without a reply: back into its lane after a backoff, or dead after its last attempt. */
export async function endFailedTurn(
  ctx: MutationCtx,
  lease: Doc<"leases">,
  message: Doc<"messages">,
  { errorMessage, retryable, warmth }: { errorMessage: string; retryable: boolean; warmth: Warmth },
): Promise<FailureOutcome> {
  const lastError = shorten(errorMessage, MAX_ERROR_CHARACTERS);
  if (!retryable || message.attempts >= message.maxAttempts) {
    await markDead(ctx, message, lease.generation, lastError);
    await endLease(ctx, lease, { processing: -1, deadLetter: 1 }, { warmth, keepEntries: true });
    return { requeued: false, deadLettered: true, nextScheduledFor: null };
  }
  const delay = backoffMs(DEFAULT_BACKOFF, message.attempts, unitFromText(lease._id));
  const scheduledFor = Date.now() + delay;
  await ctx.db.patch("messages", message._id, { status: "queued", scheduledFor, lastError });
  const returned = { scheduledFor, priority: message.priority };
  await endLease(ctx, lease, { processing: -1, queued: 1 }, { returned, warmth, keepEntries: false });
  return { requeued: true, deadLettered: false, nextScheduledFor: scheduledFor };
}

/** Returns a turn that had not begun: at once claimable, no attempt counted. @throws `lease_lost` */
export async function releaseTurn(ctx: MutationCtx, claim: LeaseClaim): Promise<void> {
  const { lease, message } = await requireHeldTurn(ctx, claim);
  const now = Date.now();
  await ctx.db.patch("messages", message._id, {
    status: "queued",
    attempts: message.attempts - 1,
    scheduledFor: now,
  });
  const returned = { scheduledFor: now, priority: message.priority };
  await endLease(ctx, lease, { processing: -1, queued: 1 }, { returned, warmth: "cold", keepEntries: false });
}

/** Makes the head of a ready lane a dead letter without running it; in its conversation that counts as a turn. */
export async function buryMessage(
  ctx: MutationCtx,
  lane: Doc<"lanes">,
  message: Doc<"messages">,
  reason: string,
): Promise<void> {
  const generation = lane.generation + 1;
  await markDead(ctx, message, generation, reason);
  const queuedCount = lane.queuedCount - 1;
  const head = queuedCount > 0 ? await findHead(ctx, lane.conversationId) : null;
  const deltas = await advanceLane(ctx, lane, { head, queuedCount, generation, warmWorkerId: lane.warmWorkerId });
  await count(ctx, lane.poolKey, message._id, { ...deltas, queued: -1, deadLetter: 1 });
}

async function markDead(
  ctx: MutationCtx,
  message: Doc<"messages">,
  generation: number,
  lastError: string,
): Promise<void> {
  await ctx.db.patch("messages", message._id, { status: "dead_letter", lastError, finishedAt: Date.now() });
  const content = `This message could not be answered: ${lastError}`;
  await tell(ctx, message, generation, { role: "system", content });
}

async function tell(
  ctx: MutationCtx,
  { _id, _creationTime, conversationId, payload }: Doc<"messages">,
  generation: number,
  ending: { role: "assistant" | "system"; content: string },
): Promise<void> {
  const origin = { conversationId, messageId: _id, generation };
  await recordTurn(ctx, origin, { question: { content: payload.messageText, at: _creationTime }, ending });
}

type Ending = {
  /** Set when the message went back into its lane, whose head it is again; else the oldest queued message is. */
  returned?: { scheduledFor: number; priority: number };
  warmth: Warmth;
  /** Whether what the turn added to the transcript stays there. */
  keepEntries: boolean;
};

/** Deletes the lease and moves its lane on; true when the lane's next message is ready now. */
async function endLease(
  ctx: MutationCtx,
  lease: Doc<"leases">,
  deltas: { processing: number; queued?: number; done?: number; deadLetter?: number },
  { returned, warmth, keepEntries }: Ending,
): Promise<boolean> {
  await ctx.db.delete("leases", lease._id);
  const lane = await requireLane(ctx, lease.laneId);
  const queuedCount = lane.queuedCount + (returned === undefined ? 0 : 1);
  const head = returned ?? (queuedCount > 0 ? await findHead(ctx, lane.conversationId) : null);
  const ready = await advanceLane(ctx, lane, {
    head,
    queuedCount,
    warmWorkerId: warmth === "cold" ? undefined : lane.warmWorkerId,
    isLeaving: warmth === "leaving",
  });
  await count(ctx, lease.poolKey, lease._id, { ...deltas, ...ready });
  const isFollowed = ready.ready === 1;
  // A lane that is ready again keeps its worker busy; any other leaves it idle, which a full pool waits for.
  if (!isFollowed) await offerIdleWorker(ctx, lease.poolKey);
  const { messageId, generation } = lease;
  await ctx.scheduler.runAfter(0, internal.conversations.internal.sweepTurn, { messageId, generation, keepEntries });
  return isFollowed;
}

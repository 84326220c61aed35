/** Ends a running turn without a reply: another try after a backoff, or the end of the message. */
import { retryDelayMs, unitFromText } from "../../shared/backoff.js";
import { FAILURE_KINDS } from "../../shared/failure.js";
import type { FailureOutcome } from "../../shared/worker-protocol.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx } from "../functions.js";
import { endLease, failureFields, markDead, type Failure, type Warmth } from "./ending.js";
import { requireHeldTurn, type LeaseClaim } from "./held.js";
import { policyOf } from "./slots.js";

export type FailedTurn = Failure & {
  /** Overrules what the kind says. */
  retryable?: boolean;
  /** The least wait before the next try, as the model provider asked for. */
  retryAfterMs?: number;
  warmth: Warmth;
};

/** Ends a live turn without a reply. @throws `lease_lost` */
export async function failTurn(ctx: MutationCtx, claim: LeaseClaim, failure: FailedTurn): Promise<FailureOutcome> {
  const { lease, message } = await requireHeldTurn(ctx, claim);
  return await endFailedTurn(ctx, lease, message, failure);
}

/** Ends a turn without a reply: back into its lane after a backoff, or dead after its last attempt. */
export async function endFailedTurn(
  ctx: MutationCtx,
  lease: Doc<"leases">,
  message: Doc<"messages">,
  { retryable, retryAfterMs, warmth, ...failure }: FailedTurn,
): Promise<FailureOutcome> {
  const isRetryable = retryable ?? FAILURE_KINDS[failure.kind].retryable;
  if (!isRetryable || message.attempts >= message.maxAttempts) {
    await markDead(ctx, message, lease.generation, failure);
    const untold = message.summary === undefined ? {} : { untold: message.summary };
    await endLease(ctx, lease, { processing: -1, deadLetter: 1 }, { warmth, keepEntries: true, ...untold });
    return { requeued: false, deadLettered: true, nextScheduledFor: null };
  }
  const { backoff } = await policyOf(ctx, message.agentKey);
  const delay = retryDelayMs(backoff, message.attempts, unitFromText(lease._id), retryAfterMs);
  const scheduledFor = Date.now() + delay;
  await ctx.db.patch("messages", message._id, {
    status: "queued",
    scheduledFor,
    ...(message.asideUntil === undefined ? {} : { asideUntil: scheduledFor }),
    releases: undefined,
    ...failureFields(message, failure),
  });
  await endLease(ctx, lease, { processing: -1, queued: 1 }, { isReturned: true, warmth, keepEntries: false });
  return { requeued: true, deadLettered: false, nextScheduledFor: scheduledFor };
}

/** Completes a running turn: the one fenced transaction after which nothing of it can be lost. */
import { agentFactoryError } from "../../shared/errors.js";
import type { Usage } from "../../shared/payload.js";
import type { Doc } from "../_generated/dataModel.js";
import { sha256Hex } from "../digest.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { endLease, tell, type Warmth } from "./ending.js";
import { findHeldTurn, leaseLost, type LeaseClaim } from "./held.js";

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
    completion: { workerId: lease.workerId, leaseId: lease._id, generation: lease.generation, resultHash },
    ...(result.usage === undefined ? {} : { usage: result.usage }),
  });
  await tell(ctx, message, lease.generation, { role: "assistant", content: result.reply });
  const isFollowed = await endLease(ctx, lease, { processing: -1, done: 1 }, { warmth, keepEntries: true });
  return { lease, isFollowed };
}

async function requireEqualCompletion(ctx: QueryCtx, claim: LeaseClaim, resultHash: string): Promise<void> {
  const messageId = ctx.db.normalizeId("messages", claim.messageId);
  const completion = messageId === null ? undefined : (await ctx.db.get("messages", messageId))?.completion;
  const isTheirs =
    completion?.leaseId === claim.leaseId &&
    completion.generation === claim.generation &&
    completion.workerId === claim.workerId;
  if (!isTheirs) throw leaseLost();
  if (completion.resultHash !== resultHash) {
    throw agentFactoryError(
      "already_completed",
      "This turn was completed with another result, which stands. Discard this one.",
    );
  }
}

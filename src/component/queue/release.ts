/** Gives back a turn that had not begun. */
import { backoffMs, DEFAULT_BACKOFF, unitFromText } from "../../shared/backoff.js";
import type { MutationCtx } from "../functions.js";
import { endLease } from "./ending.js";
import { requireHeldTurn, type LeaseClaim } from "./held.js";

/**
 * Releases in a row that cost nothing: a worker that drains, and the next one that has to as well. More of them mean that
 * nobody can run the message now, and trying at once again and again would be a loop on everybody's bill.
 */
export const FREE_RELEASES = 2;

/** No attempt is counted. Claimable at once, after {@link FREE_RELEASES} in a row with a backoff. @throws `lease_lost` */
export async function releaseTurn(ctx: MutationCtx, claim: LeaseClaim): Promise<void> {
  const { lease, message } = await requireHeldTurn(ctx, claim);
  const releases = (message.releases ?? 0) + 1;
  const excess = releases - FREE_RELEASES;
  const scheduledFor = Date.now() + (excess <= 0 ? 0 : backoffMs(DEFAULT_BACKOFF, excess, unitFromText(lease._id)));
  await ctx.db.patch("messages", message._id, {
    status: "queued",
    attempts: message.attempts - 1,
    releases,
    scheduledFor,
    ...(message.asideUntil === undefined ? {} : { asideUntil: scheduledFor }),
  });
  await endLease(ctx, lease, { processing: -1, queued: 1 }, { isReturned: true, warmth: "cold", keepEntries: false });
}

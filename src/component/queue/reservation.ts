/** Keeps a conversation that is ready for the worker that is being woken for it. */
import type { MutationCtx } from "../functions.js";
import { requestCapacity } from "./capacity.js";
import { findLane } from "./head.js";
import { ANY_WORKER, WARM_WORKER_GRACE_MS } from "./lane.js";

/**
 * For as long as for a worker that is up: one that sleeps is back within two seconds. Another that took the conversation
 * meanwhile would have to fetch its files, and would be missing where it was meant to be, while the one that was woken finds
 * nothing to do.
 */
export async function keepFor(ctx: MutationCtx, workerId: string, conversationId: string): Promise<void> {
  const lane = await findLane(ctx, conversationId);
  if (lane === null || lane.state !== "ready" || lane.audience !== ANY_WORKER) return;
  const wakeAt = Date.now() + WARM_WORKER_GRACE_MS;
  await ctx.db.patch("lanes", lane._id, { audience: workerId, wakeAt });
  await requestCapacity(ctx, lane.poolKey, wakeAt);
}

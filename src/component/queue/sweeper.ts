/** Starts the loop that keeps the queue's clock, off the path of every claim; what it does stands in `sweep.ts`. */
import { ping } from "@convex-dev/batch-worker";
import { components, internal } from "../_generated/api.js";
import type { MutationCtx } from "../functions.js";

const nameOf = (poolKey: string) => `queue/${poolKey}`;

/** The pool whose loop has this name. */
export const poolOfSweeper = (name: string) => name.slice(nameOf("").length);

/** Makes sure that the pool's loop runs; called where something appears that will need it one day. */
export async function wakeSweeper(ctx: MutationCtx, poolKey: string): Promise<void> {
  await ping(ctx, components.batchWorker, {
    name: nameOf(poolKey),
    workQuery: internal.queue.internal.nextSweep,
    workerMutation: internal.queue.internal.sweepOnce,
  });
}

/** Starts the loop anew, whatever state it is in: for an operator who sees that it is stuck. */
export async function restartSweeper(ctx: MutationCtx, poolKey: string): Promise<void> {
  await wakeSweeper(ctx, poolKey);
  await ctx.runMutation(components.batchWorker.lib.kick, { name: nameOf(poolKey) });
}

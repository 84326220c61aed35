/** Makes sure that somebody comes for a lane: a reconcile for one that is ready, a wake-up for one that is delayed. */
import { internal } from "../_generated/api.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx } from "../functions.js";
import { requestCapacity } from "./capacity.js";

/** A ready lane needs a worker now, or after the grace of its reservation; a delayed one nobody before its head is due. */
export async function arrangeWakeUp(
  ctx: MutationCtx,
  poolKey: string,
  lane: { state: Doc<"lanes">["state"]; wakeAt?: number },
): Promise<void> {
  if (lane.state === "ready") await requestCapacity(ctx, poolKey, lane.wakeAt ?? Date.now());
  if (lane.state === "delayed" && lane.wakeAt !== undefined) {
    await ctx.scheduler.runAt(lane.wakeAt, internal.queue.internal.wakeLanes, { poolKey });
  }
}

/** The reactive query a worker subscribes to: whether there is work, whether to go, which leases it still holds. */
import type { Inbox, WorkerArgs } from "../../shared/worker-protocol.js";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";
import { findCandidates } from "../queue/claim.js";
import { leasesOfWorker } from "../queue/leases.js";
import { requireReachableWorker } from "./authenticate.js";

/**
 * Reads no clock and no heartbeat, so it runs again only when something a worker must act upon has changed. A lease
 * that expired disappears when recovery takes it back.
 */
export async function readInbox(ctx: QueryCtx, args: WorkerArgs<"workerInbox">): Promise<Inbox> {
  const worker = await requireReachableWorker(ctx, args);
  const state = inboxState(worker);
  // A suspended worker is shown nothing until it is wanted: what it is shown then is what its next claim wakes it for.
  const isAsleep = worker.status === "suspended" && worker.wakeRequestedAt === undefined;
  if (state === "stop" || isAsleep) return { state, work: null, leaseIds: [] };
  const leases = await leasesOfWorker(ctx, worker.workerId, worker.capacity);
  const leaseIds = leases.map((lease) => lease._id);
  if (state === "drain" || !args.wantsWork || leases.length >= worker.capacity) return { state, work: null, leaseIds };
  const candidates = await findCandidates(ctx, {
    workerId: worker.workerId,
    poolKey: worker.poolKey,
    scope: worker.scope ?? null,
  });
  // The generation makes the ticket of a conversation's next message differ from that of its last one.
  const work = candidates.map((lane) => `${lane._id}/${lane.generation}/${lane.rank}`).join(" ");
  if (work === "") return { state, work: null, leaseIds };
  // A claim that came too late, when the worker was just being suspended, has spent the ticket without this.
  const ticket = worker.wakeRequestedAt === undefined ? work : `${work} after ${worker.wakeRequestedAt}`;
  return { state, work: ticket, leaseIds };
}

function inboxState({ status }: Doc<"workers">): Inbox["state"] {
  if (status === "active" || status === "suspended") return "run";
  return status === "draining" ? "drain" : "stop";
}

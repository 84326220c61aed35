/** The life of a worker, written down once as data; every change of `workers.status` goes through `transition`. */
import type { WorkerStatus } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx } from "../functions.js";
import { recordEvent } from "./timeline.js";

export type WorkerEvent = "enrolled" | "suspended" | "resumed" | "drain_requested" | "drained" | "lost" | "gone";

/**
 * `starting`: a machine is wanted or boots. `active`: it may claim. `suspended`: frozen or about to be, holds nothing
 * and may claim nothing until it is wanted again. `draining`: it
 * finishes, claims nothing more. `stopping`: its machine must go. `stopped`: the provider confirmed that it is gone.
 */
export const WORKER_TRANSITIONS: Record<WorkerStatus, Partial<Record<WorkerEvent, WorkerStatus>>> = {
  starting: { enrolled: "active", drain_requested: "stopping", lost: "stopping", gone: "stopped" },
  active: { suspended: "suspended", drain_requested: "draining", drained: "stopping", lost: "stopping" },
  suspended: { resumed: "active", drain_requested: "stopping", drained: "stopping", lost: "stopping", gone: "stopped" },
  draining: { drained: "stopping", lost: "stopping" },
  // That it has drained is no news: a fenced worker could put off its end, and fill the timeline, by saying so again and again.
  stopping: { gone: "stopped" },
  stopped: {},
};

/** Statuses of workers that count as capacity and cost: everything that is not proven gone. */
export const LIVE_STATUSES = ["starting", "active", "suspended", "draining", "stopping"] as const;

export function nextWorkerStatus(status: WorkerStatus, event: WorkerEvent): WorkerStatus | null {
  return WORKER_TRANSITIONS[status][event] ?? null;
}

/** Applies `event`; false (and no write) when the worker's status does not take it, which a late caller must expect. */
export async function transition(
  ctx: MutationCtx,
  worker: Doc<"workers">,
  event: WorkerEvent,
  statusReason: string,
): Promise<boolean> {
  const status = nextWorkerStatus(worker.status, event);
  if (status === null) return false;
  const now = Date.now();
  await ctx.db.patch("workers", worker._id, {
    status,
    statusSince: now,
    statusReason,
    ...(status === "stopped" ? { stoppedAt: now } : {}),
  });
  await recordEvent(ctx, {
    poolKey: worker.poolKey,
    kind: event,
    workerId: worker.workerId,
    ...(worker.machineId === undefined ? {} : { machineId: worker.machineId }),
    from: worker.status,
    to: status,
    reason: statusReason,
  });
  ctx.log.info("worker.transition", {
    workerId: worker.workerId,
    from: worker.status,
    to: status,
    reason: statusReason,
  });
  return true;
}

/** Checks what a worker claims to be, in the same transaction as its work. */
import { agentFactoryError } from "../../shared/errors.js";
import type { WorkerStatus } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import { equalDigests, sha256Hex } from "../digest.js";
import type { QueryCtx } from "../functions.js";

export type WorkerCredentials = { workerId: string; workerToken: string };

export async function findWorker(ctx: QueryCtx, workerId: string): Promise<Doc<"workers"> | null> {
  return await ctx.db
    .query("workers")
    .withIndex("by_worker_id", (range) => range.eq("workerId", workerId))
    .unique();
}

/** One answer for every way to be wrong: which check failed is nobody's business. */
export function workerRejected() {
  return agentFactoryError(
    "worker_rejected",
    "This worker is not known, its token is wrong or expired, or its machine was replaced. Exit; the pool starts a new one.",
  );
}

/**
 * Statuses in which a worker may still finish what it holds. A suspended one holds nothing; it is heard so that one that
 * was not frozen after all, or has just been thawed, is not told to exit.
 */
const WORKING: readonly WorkerStatus[] = ["active", "draining", "suspended"];
/** Statuses in which it may still ask what to do. */
const REACHABLE: readonly WorkerStatus[] = [...WORKING, "stopping", "stopped"];

/** @throws `worker_rejected` */
export async function requireWorker(ctx: QueryCtx, credentials: WorkerCredentials): Promise<Doc<"workers">> {
  return await requireWorkerIn(ctx, credentials, WORKING);
}

/** Like {@link requireWorker}, also for a worker that has been told to go: it must be able to learn so. */
export async function requireReachableWorker(ctx: QueryCtx, credentials: WorkerCredentials): Promise<Doc<"workers">> {
  return await requireWorkerIn(ctx, credentials, REACHABLE);
}

async function requireWorkerIn(
  ctx: QueryCtx,
  { workerId, workerToken }: WorkerCredentials,
  statuses: readonly WorkerStatus[],
): Promise<Doc<"workers">> {
  const worker = await findWorker(ctx, workerId);
  if (
    worker === null ||
    worker.tokenHash === undefined ||
    worker.tokenExpiresAt === undefined ||
    !equalDigests(worker.tokenHash, await sha256Hex(workerToken)) ||
    Date.now() >= worker.tokenExpiresAt ||
    !statuses.includes(worker.status)
  ) {
    throw workerRejected();
  }
  return worker;
}

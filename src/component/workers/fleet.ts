/** Worker rows as the pool writes them: spawned, adopted, drained, fenced, gone. */
import type { ScalingPolicy } from "../../shared/provider-config.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { leasesOfWorker } from "../queue/leases.js";
import { expireHolder, findHolder, removeHolder } from "../queue/liveness.js";
import { recoverWorkerLeases } from "../queue/recovery.js";
import { findWorker } from "./authenticate.js";
import { LIVE_STATUSES, transition, type WorkerEvent } from "./lifecycle.js";

/** A deployment's pool is bounded by its policy; this bounds one read of it. */
export const MAX_LIVE_WORKERS = 1_000;

export type SpawnIntent = Pick<
  Doc<"workers">,
  | "workerId"
  | "poolKey"
  | "generation"
  | "machineName"
  | "appName"
  | "image"
  | "credentialHash"
  | "leaseDurationMs"
  | "runTimeoutMs"
> & { statusReason: string };

/** Written before the provider is asked, so that a machine can never exist without a row that knows it. */
export async function recordSpawn(ctx: MutationCtx, intent: SpawnIntent, policy: ScalingPolicy): Promise<void> {
  const now = Date.now();
  await ctx.db.insert("workers", {
    ...intent,
    status: "starting",
    statusSince: now,
    credentialExpiresAt: now + policy.bootDeadlineMs,
    isolation: policy.isolation,
    capacity: policy.isolation === "conversation" ? 1 : policy.conversationsPerWorker,
    createdAt: now,
    lastActiveAt: now,
  });
}

export async function recordMachine(
  ctx: MutationCtx,
  workerId: string,
  machine: { machineId: string; region: string },
): Promise<void> {
  const worker = await findWorker(ctx, workerId);
  if (worker !== null && worker.status !== "stopped") await ctx.db.patch("workers", worker._id, machine);
}

/**
 * Moves a worker on. A worker that is lost or gone loses its leases in the same transaction, so that its messages do not
 * wait for its heartbeat to expire.
 */
export async function moveWorker(
  ctx: MutationCtx,
  workerId: string,
  event: WorkerEvent,
  reason: string,
): Promise<boolean> {
  const worker = await findWorker(ctx, workerId);
  if (worker === null || !(await transition(ctx, worker, event, reason))) return false;
  if (event === "lost" || event === "gone") {
    await expireHolder(ctx, workerId);
    const { more } = await recoverWorkerLeases(ctx, workerId);
    // With leases left the holder stays, expired, and the sweep finishes the job.
    if (event === "gone" && !more) await removeHolder(ctx, workerId);
  }
  return true;
}

/** Every worker that is not proven gone, with the leases it holds. */
export async function readLiveWorkers(
  ctx: QueryCtx,
  poolKey: string,
): Promise<{ worker: Doc<"workers">; load: number; heartbeatExpiresAt: number | null; heartbeatAt: number | null }[]> {
  const live = [];
  for (const status of LIVE_STATUSES) {
    const workers = await ctx.db
      .query("workers")
      .withIndex("by_pool_status", (range) => range.eq("poolKey", poolKey).eq("status", status))
      .take(MAX_LIVE_WORKERS - live.length);
    for (const worker of workers) {
      const holder = await findHolder(ctx, worker.workerId);
      live.push({
        worker,
        load: (await leasesOfWorker(ctx, worker.workerId, worker.capacity)).length,
        heartbeatAt: holder?.beatAt ?? null,
        heartbeatExpiresAt: holder === null ? null : holder.state === "live" ? holder.expiresAt : 0,
      });
    }
    if (live.length >= MAX_LIVE_WORKERS) break;
  }
  return live;
}

/** The most recently stopped ones. */
export async function readStoppedWorkers(ctx: QueryCtx, limit: number): Promise<Doc<"workers">[]> {
  return await ctx.db
    .query("workers")
    .withIndex("by_stopped", (range) => range.gt("stoppedAt", 0))
    .order("desc")
    .take(limit);
}

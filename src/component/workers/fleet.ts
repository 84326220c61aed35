/** Worker rows as the pool writes them: spawned, adopted, drained, fenced, gone. */
import type { ScalingPolicy } from "../../shared/provider-config.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { leasesOfWorker } from "../queue/leases.js";
import { expireHolder, findHolder, removeHolder } from "../queue/liveness.js";
import { recoverWorkerLeases } from "../queue/recovery.js";
import { findWorker } from "./authenticate.js";
import { LIVE_STATUSES, transition, type WorkerEvent } from "./lifecycle.js";
import { recordEvent } from "./timeline.js";

/** A deployment's pool is bounded by its policy; this bounds one read of it. */
export const MAX_LIVE_WORKERS = 1_000;

export type SpawnIntent = Pick<
  Doc<"workers">,
  | "workerId"
  | "poolKey"
  | "generation"
  | "machineName"
  | "providerKind"
  | "appName"
  | "image"
  | "credentialHash"
  | "leaseDurationMs"
  | "runTimeoutMs"
> & { statusReason: string; cannotSuspend?: boolean; configKey?: string };

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
  const { poolKey, workerId, statusReason: reason } = intent;
  await recordEvent(ctx, { poolKey, kind: "spawned", workerId, to: "starting", reason });
}

/** False when the worker is gone already, and its machine therefore nobody's. */
export async function recordMachine(
  ctx: MutationCtx,
  workerId: string,
  machine: { machineId: string; region: string },
): Promise<boolean> {
  const worker = await findWorker(ctx, workerId);
  if (worker === null || worker.status === "stopped") return false;
  await ctx.db.patch("workers", worker._id, machine);
  if (worker.machineId === undefined) {
    const { poolKey } = worker;
    const reason = `Its machine is in ${machine.region}.`;
    await recordEvent(ctx, { poolKey, kind: "adopted", workerId, machineId: machine.machineId, reason });
  }
  return true;
}

/** Notes that the end of its machine is being asked for, and how long that may take before it is asked for again. */
export async function recordDestroy(
  ctx: MutationCtx,
  workerId: string,
  { machineId, retryAfterMs }: { machineId: string; retryAfterMs: (attempt: number) => number },
): Promise<number> {
  const worker = await findWorker(ctx, workerId);
  if (worker === null) return 0;
  const destroyAttempts = (worker.destroyAttempts ?? 0) + 1;
  const destroyAt = Date.now() + retryAfterMs(destroyAttempts);
  await ctx.db.patch("workers", worker._id, { machineId, destroyAttempts, destroyAt });
  // Once: a machine that does not go is asked again and again.
  if (destroyAttempts === 1) {
    const { poolKey, statusReason: reason } = worker;
    await recordEvent(ctx, { poolKey, kind: "destroy_requested", workerId, machineId, reason });
  }
  return destroyAttempts;
}

/**
 * Moves a worker on. A worker that is lost, has left or is gone loses its leases in the same transaction, so that its
 * messages do not wait for its heartbeat to expire; one that is suspended holds none, and is nobody to wait for either.
 */
export async function moveWorker(
  ctx: MutationCtx,
  workerId: string,
  event: WorkerEvent,
  reason: string,
): Promise<boolean> {
  const worker = await findWorker(ctx, workerId);
  if (worker === null || !(await transition(ctx, worker, event, reason))) return false;
  if (event === "suspended" || event === "lost" || event === "drained" || event === "gone") {
    await expireHolder(ctx, workerId);
    const { more } = await recoverWorkerLeases(ctx, workerId);
    // With leases left the holder stays, expired, and the sweep finishes the job.
    if (event === "gone" && !more) await removeHolder(ctx, workerId);
  }
  return true;
}

export type LiveWorker = {
  worker: Doc<"workers">;
  /** Leases it holds. */
  load: number;
  /** `null` before it has enrolled. */
  heartbeatAt: number | null;
  heartbeatExpiresAt: number | null;
};

/** Every worker that is not proven gone. */
export async function readLiveWorkers(ctx: QueryCtx, poolKey: string): Promise<LiveWorker[]> {
  const live: LiveWorker[] = [];
  for (const status of LIVE_STATUSES) {
    const workers = await ctx.db
      .query("workers")
      .withIndex("by_pool_status", (range) => range.eq("poolKey", poolKey).eq("status", status))
      .take(MAX_LIVE_WORKERS - live.length);
    for (const worker of workers) live.push(await withLoad(ctx, worker));
    if (live.length >= MAX_LIVE_WORKERS) break;
  }
  return live;
}

/** Some of the workers that still count for something: all but those on their way out. */
export async function readLiveWorkerIds(ctx: QueryCtx, poolKey: string, limit: number): Promise<string[]> {
  const workerIds: string[] = [];
  for (const status of LIVE_STATUSES.filter((live) => live !== "stopping")) {
    const workers = await ctx.db
      .query("workers")
      .withIndex("by_pool_status", (range) => range.eq("poolKey", poolKey).eq("status", status))
      .take(limit - workerIds.length);
    workerIds.push(...workers.map(({ workerId }) => workerId));
    if (workerIds.length >= limit) break;
  }
  return workerIds;
}

/** One worker, `null` when it is gone. */
export async function readLiveWorker(ctx: QueryCtx, workerId: string): Promise<LiveWorker | null> {
  const worker = await findWorker(ctx, workerId);
  return worker === null || worker.status === "stopped" ? null : await withLoad(ctx, worker);
}

async function withLoad(ctx: QueryCtx, worker: Doc<"workers">): Promise<LiveWorker> {
  const holder = await findHolder(ctx, worker.workerId);
  return {
    worker,
    load: (await leasesOfWorker(ctx, worker.workerId, worker.capacity)).length,
    heartbeatAt: holder?.beatAt ?? null,
    heartbeatExpiresAt: holder?.expiresAt ?? null,
  };
}

/** The most recently stopped ones. */
export async function readStoppedWorkers(ctx: QueryCtx, limit: number): Promise<Doc<"workers">[]> {
  return await ctx.db
    .query("workers")
    .withIndex("by_stopped", (range) => range.gt("stoppedAt", 0))
    .order("desc")
    .take(limit);
}

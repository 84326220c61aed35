/** Suspends workers and brings them back, as rows: who sleeps claims nothing, and only who is wanted wakes up. */
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx } from "../functions.js";
import { requestCapacity } from "../queue/capacity.js";
import { revive } from "../queue/liveness.js";
import { recoverWorkerLeases } from "../queue/recovery.js";
import { findWorker } from "./authenticate.js";
import { moveWorker } from "./fleet.js";
import { transition } from "./lifecycle.js";
import { recordEvent } from "./timeline.js";

/**
 * A token may run out while its worker sleeps. One that is woken gets this long to show it: the time its machine may take to
 * come back, and some more for the token's renewal, which a worker that has slept begins with.
 */
const WAKING_TOKEN_MS = 15 * 60_000;

type Asking = { retryAfterMs: (attempt: number) => number };

/** Cordons an idle worker, and notes that the provider is being asked to freeze its machine. The number of times it was. */
export async function recordSuspend(
  ctx: MutationCtx,
  workerId: string,
  { reason, ...asking }: Asking & { reason: string },
): Promise<number> {
  // A worker that is suspended already is one whose machine did not freeze: it is asked again.
  await moveWorker(ctx, workerId, "suspended", reason);
  return await notePower(ctx, workerId, asking, {});
}

/** Notes that a suspended worker is wanted back, and that the provider is being asked to start its machine. */
export async function recordResume(
  ctx: MutationCtx,
  workerId: string,
  { reason, ...asking }: Asking & { reason: string },
): Promise<number> {
  const worker = await findWorker(ctx, workerId);
  if (worker === null) return 0;
  const now = Date.now();
  if (worker.wakeRequestedAt !== undefined) return await notePower(ctx, workerId, asking, {});
  const tokenExpiresAt = Math.max(worker.tokenExpiresAt ?? 0, now + WAKING_TOKEN_MS);
  if (worker.status === "suspended") {
    const { poolKey, machineId } = worker;
    const about = { workerId, ...(machineId === undefined ? {} : { machineId }) };
    await recordEvent(ctx, { poolKey, kind: "resume_requested", ...about, reason });
  }
  // What was asked for before was something else, and so is its count.
  return await notePower(ctx, workerId, asking, { wakeRequestedAt: now, tokenExpiresAt, powerAttempts: 0 });
}

/** Notes that the provider is being asked whether a sleeper's machine is still there, and when it may be asked again. */
export async function recordLook(ctx: MutationCtx, workerId: string, retryAfterMs: number): Promise<void> {
  const worker = await findWorker(ctx, workerId);
  if (worker !== null) await ctx.db.patch("workers", worker._id, { powerAt: Date.now() + retryAfterMs });
}

async function notePower(
  ctx: MutationCtx,
  workerId: string,
  { retryAfterMs }: Asking,
  change: Partial<Pick<Doc<"workers">, "wakeRequestedAt" | "tokenExpiresAt" | "powerAttempts">>,
): Promise<number> {
  const worker = await findWorker(ctx, workerId);
  if (worker === null || worker.status !== "suspended") return 0;
  const powerAttempts = (change.powerAttempts ?? worker.powerAttempts ?? 0) + 1;
  await ctx.db.patch("workers", worker._id, {
    ...change,
    powerAttempts,
    powerAt: Date.now() + retryAfterMs(powerAttempts),
  });
  return powerAttempts;
}

/**
 * The worker as it is after its own call: one that is wanted back wakes up with it, in the same transaction. Its leases of
 * before, if it had any, stay lost: it starts a new epoch.
 */
export async function wakeIfWanted(ctx: MutationCtx, worker: Doc<"workers">): Promise<Doc<"workers">> {
  if (worker.status !== "suspended" || worker.wakeRequestedAt === undefined) return worker;
  await wake(ctx, worker, "It is back from being suspended.");
  return (await findWorker(ctx, worker.workerId)) ?? worker;
}

/** Takes back the wish to suspend a worker whose machine cannot be: it stays up until it has been idle for too long. */
export async function keepAwake(ctx: MutationCtx, workerId: string, reason: string): Promise<void> {
  const worker = await findWorker(ctx, workerId);
  if (worker === null) return;
  await ctx.db.patch("workers", worker._id, { cannotSuspend: true });
  // One that is wanted back wakes up by its own call, which proves that it is there.
  if (worker.status === "suspended" && worker.wakeRequestedAt === undefined) await wake(ctx, worker, reason);
}

/** Gives up a worker whose machine cannot be started again, unless it has come back by itself meanwhile: others are asked for then. */
export async function giveUpSleeper(ctx: MutationCtx, workerId: string, reason: string): Promise<void> {
  const worker = await findWorker(ctx, workerId);
  if (worker?.status !== "suspended") return;
  await moveWorker(ctx, workerId, "lost", reason);
  await requestCapacity(ctx, worker.poolKey, Date.now());
}

async function wake(ctx: MutationCtx, worker: Doc<"workers">, reason: string): Promise<void> {
  // First what it has lost goes back, for a revived holder hides its dead leases from the sweep over expired ones.
  const { more } = await recoverWorkerLeases(ctx, worker.workerId);
  if (more || !(await transition(ctx, worker, "resumed", reason))) return;
  await revive(ctx, worker.workerId);
  await ctx.db.patch("workers", worker._id, {
    wakeRequestedAt: undefined,
    powerAttempts: undefined,
    powerAt: undefined,
    // A worker that was kept awake has been idle all the time; one that was wanted is about to work.
    ...(worker.wakeRequestedAt === undefined ? {} : { lastActiveAt: Date.now() }),
  });
}

/** Heartbeats and what they keep alive; the only writer of `leaseHolders`. */
import { agentFactoryError } from "../../shared/errors.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { leasesOfWorker } from "./leases.js";
import { wakeSweeper } from "./sweeper.js";

export async function findHolder(ctx: QueryCtx, workerId: string): Promise<Doc<"leaseHolders"> | null> {
  return await ctx.db
    .query("leaseHolders")
    .withIndex("by_worker", (range) => range.eq("workerId", workerId))
    .unique();
}

/** One boundary rule everywhere: at the deadline it is over. */
export function isHolderLive(holder: Doc<"leaseHolders">, now: number): boolean {
  return holder.state === "live" && now < holder.expiresAt;
}

/**
 * True while the lease may still be acted upon: its holder has not lapsed since the claim, and its run deadline has not
 * passed. Nobody needs to have noticed the expiry for it to count.
 */
export function isLeaseAlive(
  lease: Pick<Doc<"leases">, "holderEpoch" | "runDeadlineAt">,
  holder: Doc<"leaseHolders"> | null,
  now: number,
): boolean {
  return (
    holder !== null && isHolderLive(holder, now) && lease.holderEpoch === holder.epoch && now < lease.runDeadlineAt
  );
}

/**
 * Leases counted to find out whether a warm worker is busy: all of a worker for one conversation or a few. One for many
 * more is taken to have a place, for counting would cost more than the short wait it avoids.
 */
const MAX_COUNTED_LEASES = 4;

/** The worker whose disk is warm for a lane, if it is still there and has a place to claim it. */
export async function liveWarmWorker(ctx: QueryCtx, lane: Doc<"lanes">): Promise<string | undefined> {
  const { warmWorkerId } = lane;
  const holder = warmWorkerId === undefined ? null : await findHolder(ctx, warmWorkerId);
  if (holder === null || !isHolderLive(holder, Date.now())) return undefined;
  if (holder.capacity > MAX_COUNTED_LEASES) return warmWorkerId;
  const held = await leasesOfWorker(ctx, holder.workerId, holder.capacity);
  return held.length < holder.capacity ? warmWorkerId : undefined;
}

type NewHolder = Pick<Doc<"leaseHolders">, "workerId" | "poolKey" | "leaseDurationMs" | "capacity">;

/** Starts a worker's life as a holder of leases. */
export async function addHolder(
  ctx: MutationCtx,
  { workerId, poolKey, leaseDurationMs, capacity }: NewHolder,
): Promise<void> {
  const now = Date.now();
  await ctx.db.insert("leaseHolders", {
    workerId,
    poolKey,
    epoch: 1,
    state: "live",
    beatAt: now,
    expiresAt: now + leaseDurationMs,
    leaseDurationMs,
    capacity,
  });
  await wakeSweeper(ctx, poolKey);
}

/**
 * Extends the life of everything the worker holds.
 *
 * @returns false when the holder has lapsed: then its leases are lost, and nothing is changed
 */
export async function beat(ctx: MutationCtx, workerId: string): Promise<boolean> {
  const holder = await requireHolder(ctx, workerId);
  if (!isHolderLive(holder, Date.now())) return false;
  await ctx.db.patch("leaseHolders", holder._id, nextBeat(holder));
  return true;
}

/** Gives a lapsed holder another life: a new epoch, in which no lease has been claimed yet. */
export async function revive(ctx: MutationCtx, workerId: string): Promise<void> {
  const holder = await requireHolder(ctx, workerId);
  await ctx.db.patch("leaseHolders", holder._id, { ...nextBeat(holder), state: "live", epoch: holder.epoch + 1 });
}

function nextBeat({ leaseDurationMs }: Doc<"leaseHolders">) {
  const now = Date.now();
  return { beatAt: now, expiresAt: now + leaseDurationMs };
}

async function requireHolder(ctx: QueryCtx, workerId: string): Promise<Doc<"leaseHolders">> {
  const holder = await findHolder(ctx, workerId);
  if (holder === null) {
    throw agentFactoryError("worker_rejected", "This worker has been retired and holds nothing. Exit.");
  }
  return holder;
}

/** Ends a holder's life now, for a worker that is known to be gone; the sweep then finds its leases. */
export async function expireHolder(ctx: MutationCtx, workerId: string): Promise<void> {
  const holder = await findHolder(ctx, workerId);
  const now = Date.now();
  if (holder !== null && isHolderLive(holder, now)) await ctx.db.patch("leaseHolders", holder._id, { expiresAt: now });
}

export async function removeHolder(ctx: MutationCtx, workerId: string): Promise<void> {
  const holder = await findHolder(ctx, workerId);
  if (holder !== null) await ctx.db.delete("leaseHolders", holder._id);
}

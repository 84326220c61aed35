/** Asks the pool for a reconcile, at most one per window however many messages come; the only writer of `capacityRequests`. */
import { internal } from "../_generated/api.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

/**
 * Least time between two reconciles of a pool. Fly allows one list a second; half of that leaves room for the calls
 * that follow from it.
 */
export const RECONCILE_WINDOW_MS = 2_000;

/**
 * Least time between two looks for sleepers to wake while the next reconcile is not due. They call no list, so this is what a burst
 * of messages to many sleepers may cost in function calls, weighed against what one of them waits.
 */
export const WAKE_WINDOW_MS = 400;

export async function findRequest(ctx: QueryCtx, poolKey: string): Promise<Doc<"capacityRequests"> | null> {
  return await ctx.db
    .query("capacityRequests")
    .withIndex("by_pool", (range) => range.eq("poolKey", poolKey))
    .unique();
}

/**
 * Makes sure that a reconcile that has not begun yet starts at `wantedAt`, or as soon after it as the window allows; while
 * the provider fails, not before it is tried again anyway, unless somebody has changed something about it (`anew`).
 *
 * Writes only when none is scheduled that early, so a burst of messages shares one write and one reconcile.
 */
export async function requestCapacity(
  ctx: MutationCtx,
  poolKey: string,
  wantedAt: number,
  options: { anew?: boolean } = {},
): Promise<void> {
  const row = await findRequest(ctx, poolKey);
  const heldUntil = options.anew === true ? 0 : (row?.heldUntil ?? 0);
  const change = await schedule(ctx, poolKey, row, Math.max(wantedAt, heldUntil));
  if (row === null) {
    if (change !== null) await ctx.db.insert("capacityRequests", { poolKey, ...change });
    return;
  }
  const look = await scheduleLook(ctx, { ...row, ...change }, wantedAt);
  if (change !== null || look !== null) await ctx.db.patch("capacityRequests", row._id, { ...change, ...look });
}

/** Schedules a look for sleepers to wake, unless nobody sleeps, or a run or another look is as soon; returns what to store then. */
async function scheduleLook(ctx: MutationCtx, request: Doc<"capacityRequests">, wantedAt: number) {
  const now = Date.now();
  const { poolKey, hasSleepers, scheduledAt = 0, wakeAt = 0 } = request;
  if (hasSleepers !== true || wantedAt > now || wakeAt > now) return null;
  const at = Math.max(now, wakeAt + WAKE_WINDOW_MS);
  if (scheduledAt >= now && scheduledAt <= at) return null;
  await ctx.scheduler.runAt(at, internal.pool.internalProvider.wake, { poolKey });
  return { wakeAt: at };
}

/** Tells a full pool that one of its workers has just become idle: it may have to make way for who waits. */
export async function offerIdleWorker(ctx: MutationCtx, poolKey: string): Promise<void> {
  const row = await findRequest(ctx, poolKey);
  if (row?.isFull === true) await requestCapacity(ctx, poolKey, Date.now());
}

export type Settlement = {
  startedAt: number;
  nextAt: number | null;
  /** What the run has learned; left out when it stood aside for another. */
  learned?: {
    /** The provider failed: before this time the next try is of no use. */
    heldUntil: number | null;
    isFull: boolean;
    hasSleepers: boolean | undefined;
  };
};

/** Notes that a reconcile began at `startedAt` and is over; the next is at `nextAt` at the latest, if at all. */
export async function settleRequest(
  ctx: MutationCtx,
  poolKey: string,
  { startedAt, nextAt, learned }: Settlement,
): Promise<void> {
  const row = await findRequest(ctx, poolKey);
  const lastStartedAt = Math.max(startedAt, row?.lastStartedAt ?? 0);
  const heldUntil = learned === undefined ? row?.heldUntil : (learned.heldUntil ?? undefined);
  const isFull = learned === undefined ? row?.isFull : learned.isFull || undefined;
  const hasSleepers = learned?.hasSleepers ?? row?.hasSleepers;
  // One that is due already is the run that ends here, or one that died; one ahead of us was asked for meanwhile.
  const isAhead = row?.scheduledAt !== undefined && row.scheduledAt > Date.now();
  const isTooEarly = isAhead && row.scheduledAt !== undefined && row.scheduledAt < (heldUntil ?? 0);
  if (isTooEarly && row.scheduledId !== undefined) await ctx.scheduler.cancel(row.scheduledId);
  const pending = isAhead && !isTooEarly ? row : null;
  const known = { ...(pending ?? {}), lastStartedAt };
  const change = nextAt === null ? null : await schedule(ctx, poolKey, known, nextAt);
  const next = change ?? pending;
  const settled = {
    poolKey,
    lastStartedAt,
    ...(next?.scheduledAt === undefined ? {} : { scheduledAt: next.scheduledAt }),
    ...(next?.scheduledId === undefined ? {} : { scheduledId: next.scheduledId }),
    ...(heldUntil === undefined ? {} : { heldUntil }),
    ...(isFull === undefined ? {} : { isFull }),
    ...(hasSleepers === true ? { hasSleepers } : {}),
    ...(row?.wakeAt === undefined ? {} : { wakeAt: row.wakeAt }),
  };
  if (row === null) await ctx.db.insert("capacityRequests", settled);
  else await ctx.db.replace("capacityRequests", row._id, settled);
}

type Request = Pick<Doc<"capacityRequests">, "scheduledAt" | "scheduledId" | "lastStartedAt">;

/** Schedules a run unless `known` has one ahead that is early enough; returns what to store then. */
async function schedule(ctx: MutationCtx, poolKey: string, known: Request | null, wantedAt: number) {
  const now = Date.now();
  // One that is due may have read the rows already, or have died: it cannot be counted on to see what is new.
  const isAhead = known?.scheduledAt !== undefined && known.scheduledAt > now;
  const lastRun = Math.max(known?.lastStartedAt ?? 0, isAhead ? 0 : (known?.scheduledAt ?? 0));
  const at = Math.max(now, wantedAt, lastRun + RECONCILE_WINDOW_MS);
  if (isAhead && known.scheduledAt !== undefined && known.scheduledAt <= at) return null;
  if (isAhead && known.scheduledId !== undefined) await ctx.scheduler.cancel(known.scheduledId);
  const scheduledId = await ctx.scheduler.runAt(at, internal.pool.internal.reconcile, { poolKey });
  // A run that was due counts as begun from now on: this row is about to forget when it was.
  return { scheduledAt: at, scheduledId, lastStartedAt: lastRun };
}

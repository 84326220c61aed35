/** Rows of volumes, from the wish for one until it is known to be gone; the only writer of `poolVolumes`. */
import { backoffMs, unitFromText, type BackoffPolicy } from "../../../shared/backoff.js";
import type { Doc } from "../../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../../functions.js";
import { moveWorker } from "../../workers/fleet.js";
import { recordEvent } from "../../workers/timeline.js";
import type { Problem } from "../problem.js";

/** Volumes one run deletes at most, side by side; the next run follows at once. */
const REMOVALS_PER_RUN = 10;
/** Detaching takes a second or two after a machine is gone. What does not go costs cents a day: it is tried ever less often. */
const REMOVAL_BACKOFF: BackoffPolicy = { baseMs: 2_000, factor: 2, capMs: 10 * 60_000, jitter: 0.1 };
/** A volume that could not be deleted this often is something to look into. */
const ATTEMPTS_BEFORE_COMPLAINT = 4;
/**
 * A create that was cut off may come true this long after its row was written: what a run has time for, and as long as a
 * machine is waited for.
 */
const LATE_MS = 5 * 60_000;
/** Volumes that are to go and are still there; with more of them than of workers there may be, no more are made. */
const MIN_TOO_MANY = 20;

async function findVolume(ctx: QueryCtx, workerId: string): Promise<Doc<"poolVolumes"> | null> {
  return await ctx.db
    .query("poolVolumes")
    .withIndex("by_worker", (range) => range.eq("workerId", workerId))
    .unique();
}

export async function isVolumeKnown(ctx: QueryCtx, workerId: string): Promise<boolean> {
  return (await findVolume(ctx, workerId)) !== null;
}

/** Written before the provider is asked, so that a volume can never exist without a row that looks for it. */
export async function recordVolume(
  ctx: MutationCtx,
  wish: Pick<Doc<"poolVolumes">, "poolKey" | "workerId" | "home" | "name">,
): Promise<void> {
  await ctx.db.insert("poolVolumes", { ...wish, isSettled: false, createdAt: Date.now(), attempts: 0 });
}

/**
 * Keeps the id under which the worker's machine mounts its volume.
 *
 * @param isSettled true for whoever knows that no further volume of the worker can come to be
 */
export async function recordMount(
  ctx: MutationCtx,
  workerId: string,
  { volumeId, isSettled = false }: { volumeId: string | undefined; isSettled?: boolean },
): Promise<void> {
  if (volumeId === undefined) return;
  const volume = await findVolume(ctx, workerId);
  if (volume === null || (volume.volumeId === volumeId && volume.isSettled)) return;
  await ctx.db.patch("poolVolumes", volume._id, { volumeId, isSettled: isSettled || volume.isSettled });
}

/** Ends a worker whose machine is proven gone, and lets its volume go in the same transaction. */
export async function endWorker(ctx: MutationCtx, workerId: string, reason: string): Promise<void> {
  if (!(await moveWorker(ctx, workerId, "gone", reason))) return;
  const volume = await findVolume(ctx, workerId);
  if (volume !== null) await ctx.db.patch("poolVolumes", volume._id, { removeAt: Date.now() });
}

/** The volumes that are to go. */
export type Leftovers = {
  /** When the next of them is due; `null` when there is none. */
  nextAt: number | null;
  /** More than could be explained by workers that have just ended: no further ones may be made. */
  isTooMany: boolean;
  /** What an operator should look into. */
  trouble: Problem | null;
};

/** Reads nothing while there are none. */
export async function readLeftovers(ctx: QueryCtx, poolKey: string, maxWorkers: number): Promise<Leftovers> {
  const tooMany = Math.max(MIN_TOO_MANY, maxWorkers) + 1;
  const leftovers = await ctx.db
    .query("poolVolumes")
    .withIndex("by_removal", (range) => range.eq("poolKey", poolKey).gt("removeAt", 0))
    .take(tooMany);
  const troubled = leftovers.find((volume) => volume.trouble !== undefined);
  const isTooMany = leftovers.length >= tooMany;
  return { nextAt: leftovers[0]?.removeAt ?? null, isTooMany, trouble: troubled?.trouble ?? null };
}

export type Removal = {
  workerId: string;
  home: string;
  name: string;
  volumeId: string | null;
  /** One that nobody has seen yet may still come to be: not to find it proves nothing. */
  mayAppear: boolean;
};

/** Hands out volumes that are due, each to one run only, and puts them off in case that run dies. */
export async function takeRemovals(ctx: MutationCtx, poolKey: string): Promise<Removal[]> {
  const now = Date.now();
  const due = await ctx.db
    .query("poolVolumes")
    .withIndex("by_removal", (range) => range.eq("poolKey", poolKey).gt("removeAt", 0).lte("removeAt", now))
    .take(REMOVALS_PER_RUN);
  for (const { _id, workerId, attempts } of due) {
    const wait = backoffMs(REMOVAL_BACKOFF, attempts + 1, unitFromText(`${workerId}${attempts}`));
    await ctx.db.patch("poolVolumes", _id, { attempts: attempts + 1, removeAt: now + wait });
  }
  return due.map(({ workerId, home, name, volumeId = null, isSettled, createdAt }) => {
    return { workerId, home, name, volumeId, mayAppear: !isSettled && now < createdAt + LATE_MS };
  });
}

/** `trouble` is what keeps it from going, `null` while nothing does but time. */
export type RemovalOutcome = { kind: "gone" } | { kind: "left"; trouble: Problem | null };

export async function recordRemoval(ctx: MutationCtx, workerId: string, outcome: RemovalOutcome): Promise<void> {
  const volume = await findVolume(ctx, workerId);
  if (volume === null) return;
  if (outcome.kind === "gone") {
    await ctx.db.delete("poolVolumes", volume._id);
    const { poolKey, name } = volume;
    await recordEvent(ctx, { poolKey, kind: "volume_gone", workerId, reason: `Its volume ${name} is gone.` });
    return;
  }
  const { trouble } = outcome;
  // A second try is usual, and a conversation's only copy is worth a word at once.
  const isWorthAWord = trouble?.kind === "volume_unsaved" || volume.attempts >= ATTEMPTS_BEFORE_COMPLAINT;
  await ctx.db.patch("poolVolumes", volume._id, { trouble: isWorthAWord && trouble !== null ? trouble : undefined });
}

/** What earlier cleanups took for left over; the only writer of `cleanupSightings`. One look is never enough to destroy something. */
import type { MutationCtx, QueryCtx } from "../../functions.js";

/** Two looks closer together than this may both have seen the same old list. */
export const SECOND_SWEEP_AFTER_MS = 5 * 60_000;
/** Bounds the row; what is beyond it is remembered by a later cleanup. */
const MAX_REMEMBERED = 1_000;

export type Sighting = { id: string; firstSeenAt: number };

async function findSightings(ctx: QueryCtx, poolKey: string) {
  return await ctx.db
    .query("cleanupSightings")
    .withIndex("by_pool", (range) => range.eq("poolKey", poolKey))
    .unique();
}

/** When each machine or volume was first seen without an owner, and in every cleanup since. */
export async function readSightings(ctx: QueryCtx, poolKey: string): Promise<Sighting[]> {
  return (await findSightings(ctx, poolKey))?.sightings ?? [];
}

/** Remembers `ids`, and forgets whatever is not among them: it must be seen twice in a row. */
export async function rememberSightings(ctx: MutationCtx, poolKey: string, ids: string[]): Promise<void> {
  const now = Date.now();
  const existing = await findSightings(ctx, poolKey);
  const known = new Map((existing?.sightings ?? []).map((sighting) => [sighting.id, sighting]));
  const sightings = ids.slice(0, MAX_REMEMBERED).map((id) => known.get(id) ?? { id, firstSeenAt: now });
  if (existing === null) await ctx.db.insert("cleanupSightings", { poolKey, sightings });
  else await ctx.db.patch("cleanupSightings", existing._id, { sightings });
}

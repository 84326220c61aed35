/** What happened to the fleet and why, for whoever asks later; the only writer of `fleetEvents`. */
import { shorten } from "../../shared/text.js";
import type { FleetEventView } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

/** A reason is a sentence; what a provider adds to it may be a page. */
const MAX_REASON_CHARACTERS = 500;

export type FleetEvent = Omit<Doc<"fleetEvents">, "_id" | "_creationTime">;

/** In the transaction of what it tells about, so that it happened if and only if it is told. */
export async function recordEvent(ctx: MutationCtx, event: FleetEvent): Promise<void> {
  await ctx.db.insert("fleetEvents", { ...event, reason: shorten(event.reason, MAX_REASON_CHARACTERS) });
}

type Selection = { workerId?: string | undefined; before?: number | undefined; limit: number };

/** Newest first; of one worker when asked for, and from before a time (ms). */
export async function readTimeline(
  ctx: QueryCtx,
  poolKey: string,
  { workerId, before, limit }: Selection,
): Promise<FleetEventView[]> {
  const until = before ?? Number.MAX_SAFE_INTEGER;
  const events =
    workerId === undefined
      ? ctx.db
          .query("fleetEvents")
          .withIndex("by_pool", (range) => range.eq("poolKey", poolKey).lt("_creationTime", until))
      : ctx.db
          .query("fleetEvents")
          .withIndex("by_worker", (range) => range.eq("workerId", workerId).lt("_creationTime", until));
  const newest = await events.order("desc").take(limit);
  return newest.map((event) => ({
    at: event._creationTime,
    kind: event.kind,
    workerId: event.workerId ?? null,
    machineId: event.machineId ?? null,
    from: event.from ?? null,
    to: event.to ?? null,
    reason: event.reason,
  }));
}

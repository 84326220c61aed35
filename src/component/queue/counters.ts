/** Counters kept instead of counting; the only writer of `queueCounters`. */
import { hashText } from "../../shared/backoff.js";
import type { QueueStats } from "../../shared/views.js";
import type { MutationCtx, QueryCtx } from "../functions.js";

/** Concurrent transitions collide on a counter row once in sixteen pairs; summing reads sixteen rows. */
export const COUNTER_SHARDS = 16;

export type CounterName = "queued" | "ready" | "processing" | "done" | "deadLetter";
export type CounterDeltas = Partial<Record<CounterName, number>>;

/** Adds `deltas`; `spread` (an id of the transition) picks the row. */
export async function count(ctx: MutationCtx, poolKey: string, spread: string, deltas: CounterDeltas): Promise<void> {
  if (Object.values(deltas).every((delta) => delta === 0)) return;
  const shard = hashText(spread) % COUNTER_SHARDS;
  const row = await ctx.db
    .query("queueCounters")
    .withIndex("by_pool", (range) => range.eq("poolKey", poolKey).eq("shard", shard))
    .unique();
  if (row === null) {
    await ctx.db.insert("queueCounters", { ...ZERO, ...deltas, poolKey, shard });
    return;
  }
  const patch: CounterDeltas = {};
  for (const name of COUNTER_NAMES) {
    const delta = deltas[name];
    // A single shard may go below zero: what one row counted in, another may count out. Only the sum means something.
    if (delta !== undefined && delta !== 0) patch[name] = row[name] + delta;
  }
  await ctx.db.patch("queueCounters", row._id, patch);
}

export async function readStats(ctx: QueryCtx, poolKey: string): Promise<QueueStats> {
  const rows = await ctx.db
    .query("queueCounters")
    .withIndex("by_pool", (range) => range.eq("poolKey", poolKey))
    .take(COUNTER_SHARDS);
  const sum = (name: CounterName) => rows.reduce((total, row) => total + row[name], 0);
  return {
    queuedReady: sum("ready"),
    queued: sum("queued"),
    processing: sum("processing"),
    done: sum("done"),
    deadLetter: sum("deadLetter"),
  };
}

const ZERO: Record<CounterName, number> = { queued: 0, ready: 0, processing: 0, done: 0, deadLetter: 0 };
const COUNTER_NAMES: CounterName[] = ["queued", "ready", "processing", "done", "deadLetter"];

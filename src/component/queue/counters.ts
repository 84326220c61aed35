/** Counters kept instead of counting; the only writer of `queueCounters`. */
import { hashText } from "../../shared/backoff.js";
import type { QueueStats } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { perMinute, windowsAt } from "./throughput.js";

/** Concurrent transitions collide on a counter row once in sixteen pairs; summing reads sixteen rows. */
export const COUNTER_SHARDS = 16;

const COUNTER_NAMES = ["queued", "ready", "processing", "done", "deadLetter", "canceled", "dropped"] as const;
export type CounterName = (typeof COUNTER_NAMES)[number];
export type CounterDeltas = Partial<Record<CounterName, number>>;

/** Whose counters a lane's transitions go to. */
export type Counted = { poolKey: string; agentKey: string };

/** Adds `deltas` to the pool's and to the agent's counters; `spread` (an id of the transition) picks the rows. */
export async function count(ctx: MutationCtx, counted: Counted, spread: string, deltas: CounterDeltas): Promise<void> {
  if (Object.values(deltas).every((delta) => delta === 0)) return;
  const shard = hashText(spread) % COUNTER_SHARDS;
  await add(ctx, `pool:${counted.poolKey}`, shard, deltas);
  await add(ctx, `agent:${counted.agentKey}`, shard, deltas);
}

async function add(ctx: MutationCtx, scope: string, shard: number, deltas: CounterDeltas): Promise<void> {
  const row = await ctx.db
    .query("queueCounters")
    .withIndex("by_scope", (range) => range.eq("scope", scope).eq("shard", shard))
    .unique();
  const done = deltas.done ?? 0;
  const windows = windowsAt(row ?? { windowAt: 0, windowDone: 0, previousDone: 0 }, Date.now());
  if (row === null) {
    await ctx.db.insert("queueCounters", { ...ZERO, ...windows, windowDone: done, ...deltas, scope, shard });
    return;
  }
  const patch: Partial<Doc<"queueCounters">> = {};
  for (const name of COUNTER_NAMES) {
    const delta = deltas[name];
    // A single shard may go below zero: what one row counted in, another may count out. Only the sum means something.
    if (delta !== undefined && delta !== 0) patch[name] = row[name] + delta;
  }
  if (done > 0) Object.assign(patch, windows, { windowDone: windows.windowDone + done });
  await ctx.db.patch("queueCounters", row._id, patch);
}

export async function readPoolStats(ctx: QueryCtx, poolKey: string): Promise<QueueStats> {
  const oldest = await ctx.db
    .query("lanes")
    .withIndex("by_pool_ready", (range) => range.eq("poolKey", poolKey).eq("state", "ready"))
    .first();
  return await readStats(ctx, `pool:${poolKey}`, oldest);
}

export async function readAgentStats(ctx: QueryCtx, agentKey: string): Promise<QueueStats> {
  const oldest = await ctx.db
    .query("lanes")
    .withIndex("by_agent_ready", (range) => range.eq("agentKey", agentKey).eq("state", "ready"))
    .first();
  return await readStats(ctx, `agent:${agentKey}`, oldest);
}

async function readStats(ctx: QueryCtx, scope: string, oldest: Doc<"lanes"> | null): Promise<QueueStats> {
  const now = Date.now();
  const rows = await ctx.db
    .query("queueCounters")
    .withIndex("by_scope", (range) => range.eq("scope", scope))
    .take(COUNTER_SHARDS);
  const sum = (name: CounterName) => rows.reduce((total, row) => total + row[name], 0);
  const oldestReadyAt = oldest?.readySince ?? null;
  return {
    queuedReady: sum("ready"),
    queued: sum("queued"),
    processing: sum("processing"),
    done: sum("done"),
    deadLetter: sum("deadLetter"),
    canceled: sum("canceled"),
    dropped: sum("dropped"),
    oldestReadyAt,
    oldestReadyAgeMs: oldestReadyAt === null ? null : Math.max(0, now - oldestReadyAt),
    donePerMinute: perMinute(rows, now),
  };
}

const ZERO: Record<CounterName, number> = {
  queued: 0,
  ready: 0,
  processing: 0,
  done: 0,
  deadLetter: 0,
  canceled: 0,
  dropped: 0,
};

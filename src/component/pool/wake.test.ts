/** A sleeper is woken at once: it waits for no list, no window, no slow step of a run; and nobody is woken who is just being frozen. */
import { describe, expect, it } from "vitest";
import { enqueue, inComponent, queueStats } from "../setup.test-kit.js";
import { stateOf, type Action } from "./machines-api.test-kit.js";
import { letTimePass, liveRows, startPool, useFakePool, type Pool } from "./pool.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
/** What a look between two reconciles waits for at most. */
const SOON_MS = 400;

/** Sleepers of these conversations, and nothing going on. */
async function startAsleep(conversations: string[], policy: Parameters<typeof startPool>[0] = {}): Promise<Pool> {
  const rest = { suspendAfterMs: 10 * SECOND, retireAfterMs: 60 * MINUTE, maxWorkers: 10 };
  const pool = await startPool({ ...rest, ...policy });
  for (const conversation of conversations) await enqueue(pool.t, conversation);
  await pool.fleet.run(70 * SECOND);
  expect(pool.api.live().map((machine) => stateOf(machine))).toEqual(conversations.map(() => "suspended"));
  pool.api.calls.length = 0;
  return pool;
}

/** Looks for sleepers that were asked for between two reconciles. */
async function countLooks({ t }: Pool): Promise<number> {
  const jobs = await inComponent(t, async (ctx) => await ctx.db.system.query("_scheduled_functions").collect());
  return jobs.filter(({ name }) => name.endsWith(":wake")).length;
}

const timesOf = ({ api }: Pool, action: Action) =>
  api.calls.filter((call) => call.action === action).map(({ at }) => at);

describe("a sleeper", () => {
  useFakePool();

  it("is started side by side with the list, once, and before the list has an answer", async () => {
    const pool = await startAsleep(["c"]);
    pool.api.faultFor = ({ action }) => (action === "list" ? { kind: "hang" } : null);
    const askedAt = Date.now();
    await enqueue(pool.t, "c");
    await pool.fleet.run(10 * SECOND, SECOND);
    expect(timesOf(pool, "start")).toEqual([askedAt]);
    expect(await queueStats(pool.t)).toMatchObject({ done: 2 });
  });

  it("does not wait until the pool may be reconciled again", async () => {
    const pool = await startAsleep(["a", "b", "c"]);
    await enqueue(pool.t, "a");
    await letTimePass(100);
    await enqueue(pool.t, "b");
    await letTimePass(100);
    const askedAt = Date.now();
    await enqueue(pool.t, "c");
    await letTimePass(SOON_MS);
    expect(pool.api.count("start")).toBe(3);
    expect(Math.max(...timesOf(pool, "start"))).toBeLessThanOrEqual(askedAt + SOON_MS);
    expect(pool.api.count("list")).toBe(1);
    await pool.fleet.run(10 * SECOND);
    expect(await queueStats(pool.t)).toMatchObject({ done: 6 });
    expect(pool.api.count("create")).toBe(0);
    expect(pool.api.count("start")).toBe(3);
    expect(await countLooks(pool)).toBe(2);
  });

  it("does not wait for a run that is making a machine for somebody else", async () => {
    const pool = await startAsleep(["c"]);
    pool.api.faultFor = ({ action }) => (action === "create" ? { kind: "slow", ms: 25 * SECOND } : null);
    await enqueue(pool.t, "new");
    await letTimePass(5 * SECOND);
    const askedAt = Date.now();
    await enqueue(pool.t, "c");
    await pool.fleet.run(4 * SECOND, SECOND);
    expect(timesOf(pool, "start")).toEqual([askedAt]);
    expect(await queueStats(pool.t)).toMatchObject({ done: 2, queued: 1 });
    await pool.fleet.run(MINUTE);
    expect(await queueStats(pool.t)).toMatchObject({ done: 3 });
    expect(pool.api.count("create")).toBe(1);
  });

  it("that is just being frozen is started when it is, not before", async () => {
    const pool = await startPool({ suspendAfterMs: 10 * SECOND, retireAfterMs: 60 * MINUTE });
    const { t, api, fleet } = pool;
    api.faultFor = ({ action }) => (action === "suspend" ? { kind: "slow", ms: 8 * SECOND } : null);
    await enqueue(t, "c");
    for (let second = 0; second < 60 && api.count("suspend") === 0; second++) await fleet.run(SECOND, SECOND);
    const freezingSince = Date.now();
    await letTimePass(3 * SECOND);
    await enqueue(t, "c");
    await letTimePass(4 * SECOND);
    expect(api.count("suspend")).toBe(1);
    expect(api.count("start")).toBe(0);
    api.faultFor = () => null;
    await fleet.run(12 * SECOND, SECOND);
    expect(Math.min(...timesOf(pool, "start"))).toBeGreaterThanOrEqual(freezingSince + 7 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(await liveRows(t)).toHaveLength(1);
  });

  it("whose machine cannot be started gives way to a new one within seconds", async () => {
    const pool = await startAsleep(["c"]);
    pool.api.faultFor = ({ action }) => (action === "start" ? { kind: "refuse", status: 400 } : null);
    const askedAt = Date.now();
    await enqueue(pool.t, "c");
    await pool.fleet.run(10 * SECOND, SECOND);
    expect(timesOf(pool, "create")[0] ?? Infinity).toBeLessThanOrEqual(askedAt + 3 * SECOND);
    expect(await queueStats(pool.t)).toMatchObject({ done: 2 });
  });
});

describe("a pool in which nobody sleeps", () => {
  useFakePool();

  it("is not looked at between its reconciles", async () => {
    const pool = await startPool({ suspendAfterMs: 10 * MINUTE, idleTimeoutMs: 20 * MINUTE, maxWorkers: 2 });
    for (let message = 0; message < 20; message++) {
      await enqueue(pool.t, `c${message % 2}`);
      await pool.fleet.run(300, 300);
    }
    await pool.fleet.run(30 * SECOND);
    expect(await countLooks(pool)).toBe(0);
    expect(pool.api.count("start")).toBe(0);
  });
});

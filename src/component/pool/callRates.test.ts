/** However many runs, crons and operators are at it, at once or one after the other: no call comes faster than Fly allows. */
import { describe, expect, it } from "vitest";
import { enqueue, inComponent, lib, queueStats } from "../setup.test-kit.js";
import type { ApiCall } from "./machines-api.test-kit.js";
import { reserve } from "./callRates.js";
import { letTimePass, reconcileNow, startPool, useFakePool, whileTimePasses } from "./pool.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

/** The calls that Fly would have refused: a token bucket per action and machine, or app. */
function refused(calls: ApiCall[]): string[] {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return calls.flatMap(({ action, at, app, machineId }) => {
    const isLook = action === "get";
    const [perSecond, burst] = isLook ? [5, 10] : [1, 3];
    const key = `${action} ${machineId ?? app}`;
    const bucket = buckets.get(key) ?? { tokens: burst, at };
    const tokens = Math.min(burst, bucket.tokens + ((at - bucket.at) / SECOND) * perSecond);
    buckets.set(key, { tokens: Math.max(0, tokens - 1), at });
    // Sums of fractions of a second are not exact.
    return tokens < 1 - 1e-6 ? [`${key} at ${at}`] : [];
  });
}

describe("the judge of these tests", () => {
  it("refuses a fourth call at once, and a second one every half second", () => {
    const call = (at: number): ApiCall => ({
      action: "list",
      at,
      app: "a",
      machineId: null,
      query: new URLSearchParams(),
    });
    expect(refused([0, 0, 0].map(call))).toEqual([]);
    expect(refused([0, 0, 0, 0].map(call))).toHaveLength(1);
    expect(refused(Array.from({ length: 20 }, (_, index) => call(index * 500))).length).toBeGreaterThan(5);
  });
});

describe("a minute of messages, operators and cleanups without a pause", () => {
  useFakePool();

  it("stays within the rate of every action, makes no machine too many, and answers everybody", async () => {
    const quick = { suspendAfterMs: 3 * SECOND, idleTimeoutMs: 8 * SECOND, retireAfterMs: 10 * SECOND };
    const { t, api, fleet } = await startPool({ ...quick, maxWorkers: 6, spawnStep: 6 });
    const asked: Promise<unknown>[] = [];
    let messages = 0;
    for (let passed = 0; passed < MINUTE; passed += 500) {
      if (passed < 30 * SECOND) await enqueue(t, `c${messages++ % 9}`);
      asked.push(reconcileNow(t));
      if (passed % (4 * SECOND) === 0) {
        asked.push(t.action(async (ctx) => await ctx.runAction(lib.runFlyCleanup, {})).catch(() => null));
      }
      await fleet.run(500, 500);
      expect(api.live().length).toBeLessThanOrEqual(6);
    }
    expect(refused(api.calls)).toEqual([]);
    expect(api.count("list")).toBeGreaterThan(40);
    expect(api.count("list")).toBeLessThanOrEqual(63);
    await whileTimePasses(Promise.all(asked));
    await fleet.run(2 * MINUTE, 5 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: messages, queued: 0 });
  });

  it("of reconciles alone makes one list in two seconds beside the scheduled ones, and nobody waits for long", async () => {
    const { t, api } = await startPool();
    const waits: number[] = [];
    const asked = Array.from({ length: 60 }, async (_, index) => {
      await letTimePass(index * SECOND);
      const since = Date.now();
      await reconcileNow(t);
      waits.push(Date.now() - since);
    });
    await whileTimePasses(Promise.all(asked));
    expect(refused(api.calls)).toEqual([]);
    expect(Math.max(...waits)).toBeLessThanOrEqual(7 * SECOND);
    expect(waits).toHaveLength(60);
  });
});

describe("creates of one run after the other", () => {
  useFakePool();

  it("share one bucket", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 12, spawnStep: 3 });
    for (let index = 0; index < 12; index++) await enqueue(t, `c${index}`);
    await fleet.run(30 * SECOND);
    expect(api.count("create")).toBe(12);
    expect(refused(api.calls)).toEqual([]);
  });
});

describe("whoever would have to wait for too long", () => {
  useFakePool();

  it("is told so, and takes nobody's place", async () => {
    const { t } = await startPool();
    const take = async (patienceMs: number) =>
      await inComponent(t, async (ctx) => await reserve(ctx, { home: "fly:a", action: "list", patienceMs }));
    expect(await take(0)).toBe(0);
    expect(await take(1_999)).toBeNull();
    expect(await take(2_000)).toBe(2_000);
    await letTimePass(10 * SECOND);
    expect(await take(0)).toBe(0);
  });
});

/** Scheduled functions, crons, and what becomes of their rows. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { call, openLeanNotesApp, openNotesApp, valueOf } from "./test-engine.js";
import type { EmbeddedEngine } from "./types.js";

const DAY_MS = 24 * 60 * 60 * 1000;
let engine: EmbeddedEngine;

beforeEach(async () => {
  engine = await openLeanNotesApp();
});
afterEach(async () => {
  await engine.close();
});

async function events(): Promise<unknown[]> {
  const all = await valueOf(engine, "jobs:events");
  return Array.isArray(all) ? all.filter((kind) => typeof kind === "string" && !kind.endsWith("cron")) : [];
}

async function until(expected: unknown[]): Promise<void> {
  await vi.waitFor(async () => expect(await events()).toEqual(expected), { timeout: 20_000 });
}

const schedule = async (kind: string, delayMs: number, options: { fail?: boolean; failAfterwards?: boolean } = {}) =>
  await valueOf(engine, "jobs:scheduleMutation", { kind, delayMs, fail: false, failAfterwards: false, ...options });

async function state(id: unknown): Promise<unknown> {
  return await valueOf(engine, "jobs:status", { id: String(id) });
}

describe("scheduled functions", () => {
  it("runs a mutation when it is due, and not before", async () => {
    const id = await schedule("later", 60_000);
    expect(await state(id)).toEqual({ state: { kind: "pending" }, name: "jobs:record", hasEnded: false });
    expect(await events()).toEqual([]);
    engine.advanceClock(60_000);
    await until(["later"]);
    expect(await state(id)).toMatchObject({ state: { kind: "success" }, hasEnded: true });
  });

  it("runs what is due in the order of its times", async () => {
    for (const [kind, delay] of [
      ["c", 3_000],
      ["a", 1_000],
      ["b", 2_000],
    ] as const)
      await schedule(kind, delay);
    engine.advanceClock(5_000);
    await until(["a", "b", "c"]);
  });

  it("does not fire a job of next month now", async () => {
    const id = await schedule("next month", 40 * DAY_MS);
    await schedule("now", 0);
    await until(["now"]);
    expect(await state(id)).toMatchObject({ state: { kind: "pending" } });
    engine.advanceClock(39 * DAY_MS);
    await schedule("almost", 0);
    await vi.waitFor(async () => expect(await events()).toContain("almost"), { timeout: 20_000 });
    expect(await state(id)).toMatchObject({ state: { kind: "pending" } });
    engine.advanceClock(DAY_MS);
    await vi.waitFor(async () => expect(await events()).toContain("next month"), { timeout: 20_000 });
  });

  it("forgets what a mutation scheduled before it failed", async () => {
    expect(
      await call(engine, "jobs:scheduleMutation", { kind: "x", delayMs: 0, fail: false, failAfterwards: true }),
    ).toMatchObject({ success: false });
    await schedule("y", 0);
    await until(["y"]);
  });

  it("undoes a job that fails, and says why", async () => {
    const id = await schedule("doomed", 0, { fail: true });
    await vi.waitFor(async () => expect(await state(id)).toMatchObject({ state: { kind: "failed" } }), {
      timeout: 10_000,
    });
    expect(await state(id)).toMatchObject({ state: { error: expect.stringContaining("doomed failed") as string } });
    expect(await events()).toEqual([]);
  });

  it("cancels what is pending and leaves alone what has ended", async () => {
    const id = await schedule("never", 1_000);
    const done = await schedule("done", 0);
    await until(["done"]);
    await valueOf(engine, "jobs:cancel", { id });
    await valueOf(engine, "jobs:cancel", { id: done });
    engine.advanceClock(2_000);
    await schedule("after", 0);
    await until(["done", "after"]);
    expect(await state(id)).toMatchObject({ state: { kind: "canceled" }, hasEnded: true });
    expect(await state(done)).toMatchObject({ state: { kind: "success" } });
  });

  it("does not start what was canceled while it was waiting for its turn", async () => {
    const action = await valueOf(engine, "jobs:scheduleAction", { kind: "action", delayMs: 60_000, ms: 0 });
    const mutation = await schedule("mutation", 60_000);
    // A transaction is open; the two that cancel wait for it; then the jobs become due, and wait for those.
    const open = valueOf(engine, "jobs:slow", { turns: 300, fail: true }).catch(() => null);
    const cancels = [action, mutation].map((id) => valueOf(engine, "jobs:cancel", { id }));
    engine.advanceClock(60_000);
    await Promise.all([open, ...cancels]);
    await schedule("after", 0);
    await until(["after"]);
    expect(await state(action)).toMatchObject({ state: { kind: "canceled" } });
    expect(await state(mutation)).toMatchObject({ state: { kind: "canceled" } });
  });

  it("runs actions side by side", async () => {
    const [a, b] = [
      await valueOf(engine, "jobs:scheduleAction", { kind: "a", delayMs: 0, ms: 300 }),
      await valueOf(engine, "jobs:scheduleAction", { kind: "b", delayMs: 0, ms: 300 }),
    ];
    await vi.waitFor(async () => expect(await events()).toHaveLength(4), { timeout: 20_000 });
    // Both began before either ended.
    expect((await events()).slice(0, 2)).toEqual(expect.arrayContaining(["a begins", "b begins"]));
    for (const id of [a, b]) {
      await vi.waitFor(async () => expect(await state(id)).toMatchObject({ state: { kind: "success" } }), {
        timeout: 10_000,
      });
    }
  });

  it("schedules from an action", async () => {
    await valueOf(engine, "jobs:scheduleFromAction", { kind: "from action" });
    await until(["from action"]);
  });

  it("shows functions the advanced clock", async () => {
    const before = Date.now();
    engine.advanceClock(DAY_MS);
    await schedule("tomorrow", 0);
    await until(["tomorrow"]);
    const [event] = engine.readTable("", "events", { limit: 1, order: "desc" });
    expect((event as { at: number }).at).toBeGreaterThanOrEqual(before + DAY_MS);
  });

  it("removes rows of jobs that ended long ago, and only those", async () => {
    const old = await schedule("old", 0);
    await until(["old"]);
    const pending = await schedule("pending", 30 * DAY_MS);
    expect(await engine.removeOldJobs()).toBe(0);
    engine.advanceClock(8 * DAY_MS);
    const fresh = await schedule("fresh", 0);
    await until(["old", "fresh"]);
    expect(await engine.removeOldJobs()).toBe(1);
    expect(await state(old)).toBeNull();
    expect(await state(fresh)).toMatchObject({ state: { kind: "success" } });
    expect(await state(pending)).toMatchObject({ state: { kind: "pending" } });
  });
});

describe("crons", () => {
  it("runs an interval at the start and then on time, and a daily one at its hour", async () => {
    const count = async (kind: string) => await valueOf(engine, "jobs:countEvents", { kind });
    await vi.waitFor(async () => expect(await count("interval cron")).toBe(1), { timeout: 20_000 });
    engine.advanceClock(5.9 * 60 * 60 * 1000);
    expect(await count("interval cron")).toBe(1);
    engine.advanceClock(0.2 * 60 * 60 * 1000);
    await vi.waitFor(async () => expect(await count("interval cron")).toBe(2), { timeout: 20_000 });
    const daily = Number(await count("daily cron"));
    engine.advanceClock(DAY_MS);
    await vi.waitFor(async () => expect(await count("daily cron")).toBe(daily + 1), { timeout: 20_000 });
  });
});

describe("nested components", () => {
  it("runs a job through a workpool, with the batch-worker inside of it", async () => {
    await engine.close();
    engine = await openNotesApp();
    expect(engine.functions().some(({ componentPath }) => componentPath === "workpool/batchWorker")).toBe(true);
    await valueOf(engine, "pool:enqueue", { kind: "pooled" });
    await vi.waitFor(async () => expect(await events()).toContain("pooled success"), { timeout: 15_000 });
    expect(await events()).toEqual(["pooled begins", "pooled ends", "pooled success"]);
  });
});

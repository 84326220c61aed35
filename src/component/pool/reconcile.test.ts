/** The reconcile against a machines API, with workers that live as long as their machines: bursts, limits, and what ends. */
import { describe, expect, it } from "vitest";
import { enqueue, queueStats } from "../setup.test-kit.js";
import { stateOf } from "./machines-api.test-kit.js";
import { health, liveRows, reconcile, setPolicy, startPool, useFakePool, workerRows } from "./pool.test-kit.js";

const MINUTE = 60_000;

describe("a burst of messages", () => {
  useFakePool();

  it("to 50 conversations starts no more machines than the limit allows, with fewer than 100 calls a minute", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 5, idleTimeoutMs: 20_000 });
    fleet.turnMs = 6_000;
    for (let index = 0; index < 50; index++) await enqueue(t, `c${index}`);
    let most = 0;
    for (let second = 0; second < 60; second += 2) {
      await fleet.run(2_000);
      most = Math.max(most, api.live().length, (await liveRows(t)).length);
    }
    expect(most).toBe(5);
    expect(api.calls.length).toBeLessThan(100);
    expect(api.count("list")).toBeLessThanOrEqual(31);
    await fleet.run(4 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 50, queued: 0 });
    expect(api.live()).toEqual([]);
    expect(await liveRows(t)).toEqual([]);
    expect(await health(t)).toMatchObject({ problem: null });
  });

  it("to one conversation starts one machine", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 5 });
    for (let index = 0; index < 50; index++) await enqueue(t, "c", `message ${index}`);
    await fleet.run(4 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 50 });
    expect(api.count("create")).toBe(1);
    expect(await workerRows(t)).toHaveLength(1);
  });

  it("lists at most once per window, and never twice for one reconcile", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 3 });
    for (let index = 0; index < 40; index++) {
      await enqueue(t, `c${index}`);
      await fleet.run(500, 500);
    }
    const lists = api.calls.filter(({ action }) => action === "list").map(({ at }) => at);
    expect(lists.length).toBeGreaterThan(3);
    for (const [index, at] of lists.entries()) expect(at - (lists[index - 1] ?? 0)).toBeGreaterThanOrEqual(2_000);
  });

  it("asks for creates as fast as the provider lets them through: three at once, then one a second", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 8, spawnStep: 8 });
    for (let index = 0; index < 8; index++) await enqueue(t, `c${index}`);
    await fleet.run(10_000);
    const creates = api.calls.filter(({ action }) => action === "create").map(({ at }) => at);
    const first = creates[0] ?? 0;
    expect(creates.map((at) => at - first)).toEqual([0, 0, 0, 1_000, 2_000, 3_000, 4_000, 5_000]);
  });
});

describe("a reconcile with nothing to do", () => {
  useFakePool();

  it("makes one call, a list, however often it runs", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 2 });
    await fleet.run(MINUTE);
    expect(api.live()).toHaveLength(2);
    api.calls.length = 0;
    for (let run = 0; run < 5; run++) await reconcile(t);
    // They wait for their turn, and a scheduled one may come in between.
    expect(api.count("list")).toBe(api.calls.length);
    expect([5, 6]).toContain(api.calls.length);
    expect(await liveRows(t)).toHaveLength(2);
  });

  it("looks at an empty pool too, so that what nobody remembers is found", async () => {
    const { t, api, fleet } = await startPool({ retireAfterMs: 10 * MINUTE });
    await enqueue(t, "c");
    await fleet.run(MINUTE);
    const [lost] = api.live();
    await fleet.run(20 * MINUTE, 20_000);
    expect(api.live()).toEqual([]);
    // As after a create that came true long after it was given up.
    api.add({ name: "default-wlost-g1", config: lost?.config ?? {}, createdAt: Date.now() - 10 * MINUTE });
    await reconcile(t);
    await fleet.run(2_000);
    expect(api.live()).toEqual([]);
  });
});

describe("a pool that", () => {
  useFakePool();

  it("is full makes place at once when a worker becomes idle, not at the next interval", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1, idleTimeoutMs: 30 * MINUTE });
    fleet.turnMs = 20_000;
    await enqueue(t, "first");
    await enqueue(t, "second");
    await fleet.run(50_000);
    expect(await queueStats(t)).toMatchObject({ done: 1, processing: 1 });
    await fleet.run(30_000);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.live()).toHaveLength(1);
  });

  it("is told to be smaller lets busy workers finish, then sends away what is too much", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 4, idleTimeoutMs: 30 * MINUTE });
    fleet.turnMs = 40_000;
    for (let index = 0; index < 4; index++) await enqueue(t, `c${index}`);
    await fleet.run(20_000);
    expect(await queueStats(t)).toMatchObject({ processing: 4 });
    await setPolicy(t, { maxWorkers: 1 });
    await fleet.run(10_000);
    expect(await queueStats(t)).toMatchObject({ processing: 4 });
    expect(api.live()).toHaveLength(4);
    await fleet.run(2 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 4, deadLetter: 0 });
    expect(api.live()).toHaveLength(1);
  });

  it("has time-outs keeps its minimum and its reserve", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 1, warmWorkers: 1, idleTimeoutMs: 20_000 });
    await fleet.run(MINUTE);
    for (let index = 0; index < 3; index++) await enqueue(t, `c${index}`);
    await fleet.run(4 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 3 });
    const rows = await liveRows(t);
    expect(rows.filter(({ scope }) => scope === undefined)).toHaveLength(1);
    expect(rows.length).toBeGreaterThanOrEqual(1);
    expect(api.live()).toHaveLength(rows.length);
  });

  it("loses a machine runs its message on another one", async () => {
    const { t, api, fleet } = await startPool({ leaseDurationMs: 15_000 });
    fleet.turnMs = 30_000;
    await enqueue(t, "c");
    await fleet.run(20_000);
    const [machine] = api.live();
    if (machine === undefined) throw new Error("No machine was started.");
    api.exit(machine);
    await fleet.run(2 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.live().map(({ id }) => id)).not.toContain(machine.id);
    expect(api.live()).toHaveLength(1);
  });

  it("has a worker that hangs fences it, destroys its machine and runs its message again", async () => {
    const { t, api, fleet } = await startPool({ leaseDurationMs: 15_000 });
    fleet.turnMs = 10_000;
    api.exitMs = () => Infinity;
    await enqueue(t, "c");
    await fleet.run(10_000);
    const [machine] = api.live();
    if (machine === undefined) throw new Error("No machine was started.");
    fleet.hung.add(machine.id);
    await fleet.run(2 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(stateOf(machine)).toBe("destroyed");
    const fenced = (await workerRows(t)).find(({ machineId }) => machineId === machine.id);
    expect(fenced).toMatchObject({ status: "stopped", statusReason: "Its machine is destroyed." });
  });

  it("sees an old list believes its workers' heartbeats more", async () => {
    const { t, api, fleet } = await startPool();
    fleet.turnMs = MINUTE;
    await enqueue(t, "c");
    await fleet.run(20_000);
    api.faultFor = ({ action }) =>
      action === "list" ? { kind: "view", change: (machine) => ({ ...machine, state: "stopped" }) } : null;
    await reconcile(t);
    await reconcile(t);
    expect(await liveRows(t)).toMatchObject([{ status: "active" }]);
    api.faultFor = () => null;
    await fleet.run(MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.count("create")).toBe(1);
  });

  it("does not know a state's name takes the machine for one that runs", async () => {
    const { t, api, fleet } = await startPool({ idleTimeoutMs: 20_000 });
    api.faultFor = ({ action }) =>
      action === "list" ? { kind: "view", change: (machine) => ({ ...machine, state: "transmogrifying" }) } : null;
    await enqueue(t, "c");
    await fleet.run(15_000);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(await liveRows(t)).toMatchObject([{ status: "active" }]);
    await fleet.run(2 * MINUTE);
    expect(api.live()).toEqual([]);
  });
});

/** Each test is named after a defect of the system this one re-creates, and shows that it cannot happen here. */
import { describe, expect, it, vi } from "vitest";
import { createMachine } from "./steps.js";
import { ProviderError, type MachineSpec } from "../providers/provider.js";
import { enqueue, lib, queueStats } from "../setup.test-kit.js";
import { flyProvider, FLY_API_URL } from "../providers/fly/client.js";
import { machineState } from "../providers/fly/responses.js";
import { stateOf } from "./machines-api.test-kit.js";
import { health, letTimePass, liveRows, PROVIDER, reconcileNow, setPolicy } from "./pool.test-kit.js";
import { addVolumeOf, storeSnapshot, WITH_VOLUMES } from "./volumes/volumes.test-kit.js";
import { startPool, useFakePool, whileTimePasses, workerRows } from "./pool.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

describe("defects of the original", () => {
  useFakePool();

  it("maxWorkers is no cap (6 machines at cap 1)", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1 });
    fleet.turnMs = 5 * SECOND;
    for (let index = 0; index < 6; index++) {
      await enqueue(t, `c${index}`);
      await Promise.all([whileTimePasses(reconcileNow(t)), whileTimePasses(reconcileNow(t))]);
      expect(api.live().length).toBeLessThanOrEqual(1);
    }
    for (let passed = 0; passed < 4 * MINUTE; passed += 2 * SECOND) {
      await fleet.run(2 * SECOND);
      expect(api.live().length).toBeLessThanOrEqual(1);
    }
    expect(await queueStats(t)).toMatchObject({ done: 6 });
  });

  it("parallel reconciles each spawn", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 10 });
    await enqueue(t, "c");
    await whileTimePasses(Promise.all(Array.from({ length: 6 }, async () => await reconcileNow(t))));
    await fleet.run(20 * SECOND);
    expect(api.count("create")).toBe(1);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });

  it("a worker id from the clock makes a second machine per retry", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 5 });
    let creates = 0;
    api.faultFor = ({ action }) =>
      action === "create" && creates++ < 2 ? { kind: "lose_answer", status: creates === 1 ? 500 : 408 } : null;
    await enqueue(t, "c");
    await fleet.run(MINUTE);
    expect(api.machines.size).toBe(1);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });

  it("a failed create deletes the volume without looking whether the machine exists", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 2 }, WITH_VOLUMES);
    const others = api.shelf.add({ name: "data" });
    api.faultFor = ({ action }) => (action === "create" ? { kind: "lose_answer", status: 500 } : null);
    await enqueue(t, "c");
    await fleet.run(MINUTE);
    const after = api.calls.findIndex(({ action }) => action === "create");
    // What comes after an answer that says nothing is a look, and nothing is ever deleted because of it.
    expect(["list", "get"]).toContain(api.calls[after + 1]?.action);
    expect(api.count("delete_volume")).toBe(0);
    expect(api.shelf.live().map((volume) => api.shelf.holderOf(volume))).toEqual([null, api.live()[0]?.id]);
    expect(api.shelf.live()[0]).toBe(others);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });

  it("absent from the list is taken for gone and its volume deleted", async () => {
    const policy = { suspendAfterMs: 10 * MINUTE, idleTimeoutMs: 20 * MINUTE };
    const { t, api, fleet } = await startPool(policy, WITH_VOLUMES);
    await enqueue(t, "c");
    await fleet.run(20 * SECOND);
    const [machine] = api.live();
    // Lists from before there was any machine.
    api.faultFor = ({ action }) => (action.startsWith("list") ? { kind: "stale", ageMs: 10 * MINUTE } : null);
    await fleet.run(5 * MINUTE, 5 * SECOND);
    expect(api.live()).toEqual([machine]);
    expect(api.shelf.live()).toHaveLength(1);
    expect(await liveRows(t)).toMatchObject([{ status: "active", machineId: machine?.id }]);
    await enqueue(t, "c");
    await fleet.run(10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.count("create")).toBe(1);
    expect(api.count("delete_volume")).toBe(0);
  });

  it("a 500 from Fly is taken for gone and the machine leaks", async () => {
    const { t, api, fleet } = await startPool({ suspendAfterMs: MINUTE, idleTimeoutMs: 20 * SECOND });
    await enqueue(t, "c");
    await fleet.run(10 * SECOND);
    const [machine] = api.live();
    api.faultFor = ({ action }) => (action === "get" || action === "destroy" ? { kind: "refuse", status: 500 } : null);
    await fleet.run(3 * MINUTE, 5 * SECOND);
    expect(await liveRows(t)).toMatchObject([{ status: "stopping", machineId: machine?.id }]);
    api.faultFor = () => null;
    await fleet.run(3 * MINUTE, 5 * SECOND);
    expect(api.live()).toEqual([]);
    expect(await liveRows(t)).toEqual([]);
  });

  it("a hung worker drains for ever", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1, drainDeadlineMs: 30 * SECOND });
    fleet.turnMs = 30 * MINUTE;
    await enqueue(t, "c");
    await fleet.run(15 * SECOND);
    const [hung] = api.live();
    if (hung === undefined) throw new Error("No machine was started.");
    fleet.hung.add(hung.id);
    fleet.turnMs = SECOND;
    await fleet.run(4 * MINUTE, 5 * SECOND);
    expect(stateOf(hung)).toBe("destroyed");
    expect(await queueStats(t)).toMatchObject({ done: 1, processing: 0 });
  });

  it("idle workers are told to stop after 7 minutes instead of 30", async () => {
    const policy = { idleTimeoutMs: 30 * MINUTE, suspendAfterMs: 60 * MINUTE };
    const { t, api, fleet } = await startPool(policy);
    await enqueue(t, "c");
    await fleet.run(29 * MINUTE, 10 * SECOND);
    expect(await liveRows(t)).toMatchObject([{ status: "active" }]);
    await fleet.run(5 * MINUTE, 10 * SECOND);
    expect(api.live()).toEqual([]);
  });

  it("nightly cleanup destroys busy machines and unsaved volumes and leaves their rows active", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 2 }, WITH_VOLUMES);
    fleet.turnMs = 20 * MINUTE;
    await enqueue(t, "c");
    await fleet.run(30 * SECOND);
    // Left by a worker that nobody remembers, with the only copy of a workspace.
    const unsaved = addVolumeOf(api, "wunsaved", { createdAt: Date.now() - MINUTE * 10 });
    await storeSnapshot(t, { workerId: "wunsaved", conversationId: "lost", isStored: false });
    const before = api.live();
    for (let night = 0; night < 3; night++) {
      const report = await whileTimePasses(t.action(async (ctx) => await ctx.runAction(lib.runFlyCleanup, {})));
      expect(report.volumeIdsRemaining).toEqual(api.shelf.live().map(({ id }) => id));
      await fleet.run(6 * MINUTE, 5 * SECOND);
    }
    expect(api.live()).toEqual(before);
    expect(api.shelf.live()).toHaveLength(2);
    expect(api.shelf.live()).toContain(unsaved);
    expect(await liveRows(t)).toMatchObject([{ status: "active", machineId: before[0]?.id }]);
    expect(api.count("delete_volume", "destroy")).toBe(0);
  });

  it("every enqueue starts its own endless reconcile chain", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 1, suspendAfterMs: 5 * MINUTE });
    for (let index = 0; index < 50; index++) await enqueue(t, "c");
    await fleet.run(MINUTE, SECOND);
    expect(api.live()).toHaveLength(1);
    expect(api.calls.length).toBeLessThan(100);
    // Whatever was asked for, in the end one reconcile is ahead, not one per message.
    await fleet.run(3 * MINUTE, 2 * SECOND);
    const lists = api.count("list");
    await fleet.run(MINUTE, 2 * SECOND);
    expect(api.count("list") - lists).toBeLessThanOrEqual(3);
  });

  it("scaling policy is forgotten by the automatic paths", async () => {
    const { t, api, fleet } = await startPool();
    await setPolicy(t, { maxWorkers: 2, idleTimeoutMs: 15 * SECOND });
    fleet.turnMs = 10 * SECOND;
    for (let index = 0; index < 6; index++) await enqueue(t, `c${index}`);
    for (let passed = 0; passed < 3 * MINUTE; passed += 2 * SECOND) {
      await fleet.run(2 * SECOND);
      expect(api.live().length).toBeLessThanOrEqual(2);
    }
    await fleet.run(3 * MINUTE, 5 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 6 });
    expect(api.live()).toEqual([]);
  });

  it("unknown machine states count as stopped", async () => {
    expect(["hibernating", "migrating", "", "stopped2"].map(machineState)).toEqual(Array(4).fill("unknown"));
    const { t, api, fleet } = await startPool({ maxWorkers: 1 });
    fleet.turnMs = 10 * MINUTE;
    await enqueue(t, "c");
    await fleet.run(20 * SECOND);
    const before = api.live();
    api.faultFor = ({ action }) =>
      action === "list" || action === "get"
        ? { kind: "view", change: (machine) => ({ ...machine, state: "hibernating" }) }
        : null;
    await enqueue(t, "d");
    await fleet.run(3 * MINUTE, 5 * SECOND);
    expect(api.live()).toEqual(before);
    expect(await queueStats(t)).toMatchObject({ processing: 1 });
  });

  it("one region, one size, no time-outs, no 429 handling, no paging", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 3 }, { ...PROVIDER, regions: ["fra", "ams"] });
    let creates = 0;
    api.pageSize = 1;
    for (let index = 0; index < 4; index++) api.add({ name: `somebody-elses-${index}` });
    api.faultFor = ({ action }) => {
      if (action !== "create") return null;
      creates += 1;
      if (creates === 1) return { kind: "refuse", status: 429, headers: { "retry-after": "2" } };
      if (creates === 2)
        return { kind: "refuse", status: 422, body: { error: "full", status: "insufficient_capacity" } };
      return creates === 3 ? { kind: "hang" } : null;
    };
    await enqueue(t, "c");
    await fleet.run(2 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    const [row] = await workerRows(t);
    expect(row).toMatchObject({ region: "ams" });
    await letTimePass(MINUTE);
    expect(await health(t)).toMatchObject({ problem: null });
  });
});

describe("a create that fails", () => {
  it("leaves one machine at most, in one region, however its answers come", async () => {
    vi.useFakeTimers();
    const spec = (region: string): MachineSpec => ({
      name: "default-w-g1",
      image: "image",
      region,
      guest: { cpuKind: "shared", cpus: 1, memoryMb: 256 },
      environment: {},
      files: {},
      metadata: {},
      stopTimeoutSeconds: 1,
    });
    vi.stubGlobal("fetch", async () => await Promise.reject(new TypeError("fetch failed")));
    const provider = flyProvider({ baseUrl: FLY_API_URL, appName: "app", token: "t" });
    const work = createMachine(provider, ["fra", "ams"], spec, Date.now() + 45_000);
    await vi.advanceTimersByTimeAsync(5 * MINUTE);
    // Nobody knows whether it exists: the second region is not even asked.
    expect(await work).toMatchObject({ kind: "unknown", error: expect.any(ProviderError) as ProviderError });
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });
});

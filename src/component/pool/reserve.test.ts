/** The reserve of a pool in all its life: made, asleep, woken for whoever is new, replaced, and never lost or kept for nothing. */
import { describe, expect, it } from "vitest";
import { enqueue, queueStats } from "../setup.test-kit.js";
import { stateOf } from "./machines-api.test-kit.js";
import { health, liveRows, PROVIDER, setPolicy, setProvider, startPool, useFakePool } from "./pool.test-kit.js";
import { workerRows, type Pool } from "./pool.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const POLICY = { suspendAfterMs: 20 * SECOND, retireAfterMs: 20 * MINUTE, reconcileIntervalMs: 30 * SECOND };

const states = ({ api }: Pool) => api.live().map((machine) => stateOf(machine));

/** A pool whose spares, and nobody else, are there and asleep. */
async function startReserve(warmWorkers: number, policy: Parameters<typeof startPool>[0] = {}): Promise<Pool> {
  const pool = await startPool({ ...POLICY, warmWorkers, ...policy });
  await pool.fleet.run(40 * SECOND);
  expect(states(pool)).toEqual(Array.from({ length: warmWorkers }, () => "suspended"));
  pool.api.calls.length = 0;
  return pool;
}

describe("a reserve", () => {
  useFakePool();

  it("is made once, falls asleep, and stays for a day", async () => {
    const pool = await startReserve(2);
    await pool.fleet.run(24 * 60 * MINUTE, 30 * MINUTE);
    expect(pool.api.count("create", "start", "suspend", "destroy", "get")).toBe(0);
    expect(states(pool)).toEqual(["suspended", "suspended"]);
  });

  it("answers somebody new within seconds, and is made up for", async () => {
    const pool = await startReserve(1);
    const { t, api, fleet } = pool;
    await enqueue(t, "new");
    await fleet.run(10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.count("start")).toBe(1);
    await fleet.run(MINUTE);
    expect(api.count("create")).toBe(1);
    expect(states(pool)).toEqual(["suspended", "suspended"]);
    const scopes = (await liveRows(t)).map(({ scope }) => scope?.key ?? null);
    expect(scopes).toEqual(["new", null]);
  });

  it("is what a full pool serves its first conversations with; later ones take the place of who sleeps", async () => {
    const pool = await startReserve(2, { maxWorkers: 2 });
    const { t, api, fleet } = pool;
    await enqueue(t, "a");
    await enqueue(t, "b");
    await fleet.run(10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    await enqueue(t, "c");
    for (let passed = 0; passed < MINUTE; passed += 5 * SECOND) {
      await fleet.run(5 * SECOND);
      expect(api.live().length).toBeLessThanOrEqual(2);
    }
    expect(await queueStats(t)).toMatchObject({ done: 3 });
  });

  it("has its places in a full pool again once the others sleep: the next conversation waits for no machine", async () => {
    const pool = await startReserve(1, { maxWorkers: 2 });
    const { t, api, fleet } = pool;
    await enqueue(t, "a");
    await fleet.run(10 * SECOND);
    await enqueue(t, "b");
    await fleet.run(2 * MINUTE);
    expect((await liveRows(t)).map(({ status }) => status)).toEqual(["suspended", "suspended"]);
    expect((await liveRows(t)).filter(({ scope }) => scope === undefined)).toHaveLength(1);
    api.calls.length = 0;
    await enqueue(t, "c");
    await fleet.run(10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 3 });
    // And at rest it stays as it is.
    await fleet.run(2 * MINUTE);
    const { length } = await workerRows(t);
    await fleet.run(10 * MINUTE, 10 * SECOND);
    expect(await workerRows(t)).toHaveLength(length);
  });

  it("of a former image is replaced in its sleep", async () => {
    const pool = await startReserve(2);
    const { t, api, fleet } = pool;
    await setProvider(t, { ...PROVIDER, image: "registry/worker:2" });
    await fleet.run(2 * MINUTE);
    expect((await liveRows(t)).map(({ image, status }) => `${image} ${status}`)).toEqual([
      "registry/worker:2 suspended",
      "registry/worker:2 suspended",
    ]);
    expect(states(pool)).toEqual(["suspended", "suspended"]);
    expect(api.count("start")).toBe(0);
  });

  it("for a former isolation is replaced in its sleep, and serves nobody any more", async () => {
    const pool = await startReserve(1, { isolation: "user" });
    const { t, fleet } = pool;
    await setPolicy(t, { isolation: "conversation" });
    await enqueue(t, "new");
    await fleet.run(2 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    const rows = await workerRows(t);
    expect(rows.filter(({ isolation }) => isolation === "user")).toMatchObject([{ status: "stopped" }]);
    expect(rows.find(({ isolation }) => isolation === "user")?.scope).toBeUndefined();
    expect(states(pool)).toEqual(["suspended", "suspended"]);
  });

  it("is looked after: one whose machine has vanished is missed and made anew", async () => {
    const pool = await startReserve(1);
    const { t, api, fleet } = pool;
    const [machine] = api.live();
    if (machine === undefined) throw new Error("There is no spare.");
    api.machines.delete(machine.id);
    await fleet.run(12 * MINUTE, 10 * SECOND);
    expect(states(pool)).toEqual(["suspended"]);
    expect(api.live()).not.toContain(machine);
    expect(await liveRows(t)).toMatchObject([{ status: "suspended" }]);
    expect(api.count("get")).toBe(1);
    expect(await health(t)).toMatchObject({ problem: null });
  });

  it("is not given up for a list that lacks it", async () => {
    const pool = await startReserve(1);
    const { t, api, fleet } = pool;
    const [machine] = api.live();
    api.faultFor = ({ action }) => (action === "list" ? { kind: "stale", ageMs: 24 * 60 * MINUTE } : null);
    await fleet.run(60 * MINUTE, 10 * SECOND);
    expect(api.live()).toEqual([machine]);
    expect(api.count("create", "destroy", "start", "suspend")).toBe(0);
    expect(api.count("get")).toBeGreaterThan(0);
    expect(api.count("get")).toBeLessThanOrEqual(8);
    await enqueue(t, "new");
    await fleet.run(10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });

  it("sleeps beside a minimum that is up", async () => {
    const pool = await startPool({ ...POLICY, minWorkers: 1, warmWorkers: 1 });
    const { t, api, fleet } = pool;
    await enqueue(t, "a");
    await fleet.run(2 * MINUTE);
    expect((await liveRows(t)).map(({ status }) => status).sort()).toEqual(["active", "suspended"]);
    api.calls.length = 0;
    await enqueue(t, "b");
    await fleet.run(6 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    await fleet.run(5 * MINUTE);
    const settled = api.count("create", "start", "suspend", "destroy");
    await fleet.run(14 * MINUTE, 10 * SECOND);
    expect(api.count("create", "start", "suspend", "destroy")).toBe(settled);
    expect((await liveRows(t)).filter(({ status }) => status === "active")).toHaveLength(1);
  });

  it("of a pool that everybody shares is whoever is free", async () => {
    const pool = await startReserve(1, { isolation: "shared", conversationsPerWorker: 1 });
    const { t, api, fleet } = pool;
    for (const conversation of ["a", "b", "c"]) {
      await enqueue(t, conversation);
      await fleet.run(MINUTE);
    }
    expect(await queueStats(t)).toMatchObject({ done: 3 });
    // One is made up for while the first turn runs; after that there is always one that is free.
    expect(api.count("create")).toBeLessThanOrEqual(1);
    await fleet.run(60 * MINUTE, 30 * SECOND);
    expect(states(pool)).toEqual(["suspended"]);
  });
});

/** A new image or configuration replaces the machines of the old one: drained, one at a time, never below the minimum for long. */
import { describe, expect, it } from "vitest";
import { enqueue, queueStats } from "../setup.test-kit.js";
import { health, liveRows, PROVIDER, setProvider, startPool, useFakePool } from "./pool.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const NEXT = { ...PROVIDER, image: "registry/worker:2" };

describe("another image", () => {
  useFakePool();

  const images = (rows: { image: string }[]) => rows.map(({ image }) => image).sort();

  it("replaces the minimum one by one: the new one is up before an old one goes", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 3, maxWorkers: 5, reconcileIntervalMs: 5 * SECOND });
    await fleet.run(30 * SECOND);
    expect(images(await liveRows(t))).toEqual([PROVIDER.image, PROVIDER.image, PROVIDER.image]);
    await setProvider(t, NEXT);
    let fewest = 3;
    let most = 3;
    for (let passed = 0; passed < 4 * MINUTE; passed += 2 * SECOND) {
      await fleet.run(2 * SECOND);
      const rows = await liveRows(t);
      fewest = Math.min(fewest, rows.filter(({ status }) => status === "active").length);
      most = Math.max(most, rows.length);
    }
    expect({ fewest, most }).toEqual({ fewest: 3, most: 4 });
    expect(images(await liveRows(t))).toEqual([NEXT.image, NEXT.image, NEXT.image]);
    expect(api.live()).toHaveLength(3);
    expect(await health(t)).toMatchObject({ problem: null });
  });

  it("waits for a worker that is at work, and takes nothing from it", async () => {
    const { t, api, fleet } = await startPool({ maxWorkers: 2 });
    fleet.turnMs = 3 * MINUTE;
    await enqueue(t, "c");
    await fleet.run(30 * SECOND);
    const [machine] = api.live();
    await setProvider(t, NEXT);
    await fleet.run(2 * MINUTE);
    expect(api.live()).toEqual([machine]);
    await fleet.run(3 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.live()).toEqual([]);
  });

  it("is not kept from a full pool: the place is free before it is asked for", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 1, maxWorkers: 1 });
    await fleet.run(30 * SECOND);
    await setProvider(t, NEXT);
    for (let passed = 0; passed < 3 * MINUTE; passed += 5 * SECOND) {
      await fleet.run(5 * SECOND);
      expect(api.live().length).toBeLessThanOrEqual(1);
    }
    expect(images(await liveRows(t))).toEqual([NEXT.image]);
  });

  it("is what a sleeper's next message gets: the old machine is not woken for it", async () => {
    const rest = { suspendAfterMs: 10 * SECOND, reconcileIntervalMs: 5 * SECOND };
    const { t, api, fleet } = await startPool(rest);
    await enqueue(t, "c");
    await fleet.run(MINUTE);
    expect(await liveRows(t)).toMatchObject([{ status: "suspended" }]);
    await setProvider(t, NEXT);
    await enqueue(t, "c");
    await fleet.run(30 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.count("start")).toBe(0);
    expect(images(await liveRows(t))).toEqual([NEXT.image]);
  });
});

describe("a change that makes no other machines", () => {
  useFakePool();

  it("replaces none: other regions, or the same once more", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 2 });
    await fleet.run(30 * SECOND);
    const before = api.live();
    await setProvider(t, { ...PROVIDER, regions: ["ams"], environment: {} });
    await fleet.run(3 * MINUTE, 5 * SECOND);
    expect(api.live()).toEqual(before);
  });
});

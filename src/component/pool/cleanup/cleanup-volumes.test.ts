/** The nightly cleanup and the teardown of volumes: what is provably an orphan goes, everything else stays and is reported. */
import { describe, expect, it, vi } from "vitest";
import { enqueue, lib, type Harness } from "../../setup.test-kit.js";
import { letTimePass, startPool, useFakePool, whileTimePasses } from "../pool.test-kit.js";
import { SECOND_SWEEP_AFTER_MS } from "./sightings.js";
import { addVolumeOf, storeSnapshot, volumeRows, WITH_VOLUMES } from "../volumes/volumes.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const long = { createdAt: 0 };

async function cleanUp(t: Harness, options: { dryRun?: boolean; maxPercent?: number } = {}) {
  return await whileTimePasses(t.action(async (ctx) => await ctx.runAction(lib.runFlyCleanup, options)));
}

async function cleanUpTwice(t: Harness, options: { maxPercent?: number } = {}) {
  await cleanUp(t, options);
  vi.setSystemTime(Date.now() + SECOND_SWEEP_AFTER_MS);
  return await cleanUp(t, options);
}

const startEmpty = async () => {
  const pool = await startPool();
  long.createdAt = Date.now() - 10 * MINUTE;
  return pool;
};

describe("runFlyCleanup and volumes", () => {
  useFakePool();

  it("deletes orphans that the cleanup before has seen as well, and says what it did", async () => {
    const { t, api } = await startEmpty();
    const ids = [addVolumeOf(api, "wa", long), addVolumeOf(api, "wb", long)].map(({ id }) => id);
    expect(await cleanUp(t)).toMatchObject({ volumesFound: 2, volumesDeleted: 0, volumeIdsPending: ids });
    await letTimePass(SECOND_SWEEP_AFTER_MS);
    const report = await cleanUp(t);
    expect(report).toMatchObject({
      volumesDeleted: 2,
      volumeIdsDeleted: ids,
      volumesRemaining: 0,
      volumeIdsPending: [],
      warnings: [],
      errors: [],
      estimatedUsdPerDay: 0,
    });
    expect(api.shelf.live()).toEqual([]);
  });

  it("only says what it would do when that is asked for", async () => {
    const { t, api } = await startEmpty();
    const { id } = addVolumeOf(api, "wa", { ...long, sizeGb: 10 });
    await cleanUp(t);
    await letTimePass(SECOND_SWEEP_AFTER_MS);
    const report = await cleanUp(t, { dryRun: true });
    expect(report).toMatchObject({ volumeIdsPending: [id], volumeIdsRemaining: [id], estimatedUsdPerDay: 0.05 });
    expect(api.count("delete_volume")).toBe(0);
  });

  it("leaves alone what is not ours, too young, in an unknown state, or mounted by whatever machine", async () => {
    const { t, api } = await startEmpty();
    const foreign = [api.shelf.add({ name: "data", ...long }), api.shelf.add({ name: "data_1234567_abc", ...long })];
    addVolumeOf(api, "wyoung", { createdAt: Date.now() + 4 * MINUTE });
    const mounted = addVolumeOf(api, "wmounted", long);
    api.add({ name: "somebody-elses", config: { mounts: [{ volume: mounted.id, path: "/data" }] }, createdAt: 0 });
    const odd = addVolumeOf(api, "wodd", long);
    api.faultFor = ({ action }) => {
      if (!action.endsWith("volume") && action !== "list_volumes") return null;
      const change = (view: Record<string, unknown>) =>
        view["id"] === odd.id ? { ...view, state: "hydrating" } : view;
      return { kind: "view", change };
    };
    const report = await cleanUpTwice(t);
    expect(report).toMatchObject({ volumesDeleted: 0, volumesRemaining: 5 });
    expect(report.volumeIdsForeign).toEqual(foreign.map(({ id }) => id));
    expect(api.count("delete_volume")).toBe(0);
  });

  it("is not misled by a list in which a volume of a live machine looks free", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 1 }, WITH_VOLUMES);
    await fleet.run(20 * SECOND);
    api.faultFor = ({ action }) => {
      const change = (view: Record<string, unknown>) => ({ ...view, attached_machine_id: null });
      return action === "list_volumes" || action === "get_volume" ? { kind: "view", change } : null;
    };
    await fleet.run(5 * MINUTE, 10 * SECOND);
    expect(await cleanUpTwice(t)).toMatchObject({ volumesDeleted: 0, volumesRemaining: 1, volumeIdsPending: [] });
    expect(api.count("delete_volume")).toBe(0);
  });

  it("keeps one that may hold the only copy of something, and says of what", async () => {
    const { t, api } = await startEmpty();
    const { id } = addVolumeOf(api, "wa", long);
    await storeSnapshot(t, { workerId: "wa", conversationId: "precious", isStored: false });
    const report = await cleanUpTwice(t);
    expect(report).toMatchObject({ volumesDeleted: 0, volumeIdsRemaining: [id] });
    expect(report.warnings).toEqual([expect.stringContaining("precious")]);
  });

  it("looks once more before each, goes on after an error, and believes only what it sees", async () => {
    const { t, api } = await startEmpty();
    const [attached, failing, lying, last] = ["wa", "wb", "wc", "wd"].map((workerId) =>
      addVolumeOf(api, workerId, long),
    );
    await cleanUp(t);
    vi.setSystemTime(Date.now() + SECOND_SWEEP_AFTER_MS);
    api.faultFor = ({ action, machineId }) => {
      if (action === "get_volume" && machineId === attached?.id) {
        return { kind: "view", change: (view) => ({ ...view, attached_machine_id: "m9" }) };
      }
      if (action === "delete_volume" && machineId === failing?.id) return { kind: "refuse", status: 500 };
      // Says that it is done, and has done nothing.
      if (action === "delete_volume" && machineId === lying?.id) return { kind: "garbage" };
      return null;
    };
    const report = await cleanUp(t);
    expect(report).toMatchObject({ volumeIdsDeleted: [last?.id] });
    expect(report.volumeIdsRemaining).toEqual([attached?.id, failing?.id, lying?.id]);
    expect([...report.errors, ...report.warnings].join()).toContain(failing?.id);
    expect(report.warnings.join()).not.toContain(attached?.id);
    expect(report.warnings).toContainEqual(expect.stringContaining(`Volume ${lying?.id} is still there`));
  });

  it("deletes none when too many look left over, and no more than 50 in a night", async () => {
    const { t, api } = await startEmpty();
    for (let index = 0; index < 55; index++) addVolumeOf(api, `w${index}`, long);
    const refused = await cleanUpTwice(t);
    expect(refused).toMatchObject({ volumesDeleted: 0 });
    expect(refused.errors).toEqual([expect.stringContaining("55 of the pool's 55 volumes")]);
    const report = await cleanUp(t, { maxPercent: 100 });
    expect(report).toMatchObject({ volumesDeleted: 50, volumesRemaining: 5 });
    expect(report.warnings).toEqual([expect.stringContaining("more orphan volumes than one run")]);
  });
});

describe("wipeFlyApp and volumes", () => {
  useFakePool();

  it("deletes those of the pool with its machines, and no other", async () => {
    const { t, api, fleet } = await startPool({ minWorkers: 2, maxWorkers: 4 }, WITH_VOLUMES);
    fleet.turnMs = 10 * MINUTE;
    await enqueue(t, "c");
    await fleet.run(30 * SECOND);
    const stranger = api.shelf.add({ name: "data" });
    const left = addVolumeOf(api, "wlong");
    const kept = addVolumeOf(api, "wprecious");
    await storeSnapshot(t, { workerId: "wprecious", conversationId: "precious", isStored: false });
    const report = await whileTimePasses(
      t.action(async (ctx) => await ctx.runAction(lib.wipeFlyApp, { appName: "app" })),
    );
    // Those of the workers go as well, by whoever comes first: this, or a reconcile.
    expect(report).toMatchObject({ volumesRemaining: 2, volumeIdsForeign: [stranger.id], errors: [] });
    expect(report.volumeIdsDeleted).toContain(left.id);
    expect(report.warnings).toContainEqual(expect.stringContaining("precious"));
    expect(api.shelf.live()).toEqual([stranger, kept]);
    await fleet.run(6 * MINUTE, 5 * SECOND);
    expect(await volumeRows(t)).toEqual([]);
  });
});

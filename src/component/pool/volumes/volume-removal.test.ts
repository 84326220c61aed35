/** The end of a volume: after its machine, never before what it held is safe, and through every crash on the way. */
import { describe, expect, it } from "vitest";
import { component, enqueue, inComponent, queueStats, type Harness } from "../../setup.test-kit.js";
import { readTimeline } from "../../workers/timeline.js";
import type { ApiFault } from "../machines-api.test-kit.js";
import { health, letTimePass, liveRows, reconcile, setPolicy, startPool, useFakePool } from "../pool.test-kit.js";
import { whileTimePasses } from "../pool.test-kit.js";
import { addVolumeOf, OWNERSHIP, storeSnapshot, volumeRows, WITH_VOLUMES } from "./volumes.test-kit.js";
import { volumeName } from "./volumeNames.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const poolKey = "default";
const LONELY = { maxWorkers: 1, suspendAfterMs: 60 * MINUTE, idleTimeoutMs: 20 * SECOND };

/** A run that writes its intents and dies before it has done any of them. */
async function commitAndDie(t: Harness, workerId: string) {
  const tickets = [{ workerId, credentialHash: "0".repeat(64) }];
  const args = { poolKey, machines: [], unlistedHomes: [], tickets };
  await t.action(async (ctx) => await ctx.runMutation(component.pool.internal.commit, args));
}

/** What the dead run had made at the provider. */
const mountOf = (volumeId: string, workerId: string) => ({
  metadata: {
    "agent-factory": "worker",
    "agent-factory-deployment": OWNERSHIP.deploymentUrl,
    "agent-factory-pool": poolKey,
    "agent-factory-worker": workerId,
  },
  mounts: [{ volume: volumeId, path: "/data" }],
});

/** A pool with one worker that is idle and up. */
async function startWorker(policy = LONELY) {
  const pool = await startPool({ ...policy, idleTimeoutMs: 60 * MINUTE }, WITH_VOLUMES);
  await enqueue(pool.t, "c");
  await pool.fleet.run(15 * SECOND);
  const [machine] = pool.api.live();
  const [volume] = pool.api.shelf.live();
  if (machine === undefined || volume === undefined) throw new Error("No machine with a volume was made.");
  return { ...pool, machine, volume };
}

const letGo = async (t: Harness) => await setPolicy(t, { maxWorkers: 0, idleTimeoutMs: SECOND });

describe("a run that dies", () => {
  useFakePool();

  it("before it has made the volume leaves nothing to find", async () => {
    const { t, api, fleet } = await startPool(LONELY, WITH_VOLUMES);
    await enqueue(t, "c");
    await commitAndDie(t, "wdead");
    expect(await volumeRows(t)).toMatchObject([{ workerId: "wdead", name: volumeName(OWNERSHIP, "data", "wdead") }]);
    await fleet.run(10 * MINUTE, 10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(await volumeRows(t)).toEqual([]);
    expect(api.shelf.live()).toEqual([]);
  });

  it("after it has made the volume leaves one that is found by its name", async () => {
    const { t, api, fleet } = await startPool(LONELY, WITH_VOLUMES);
    await enqueue(t, "c");
    await commitAndDie(t, "wdead");
    const volume = addVolumeOf(api, "wdead");
    await fleet.run(10 * MINUTE, 10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(volume.deletedAt).toBeLessThan(Infinity);
    expect(await volumeRows(t)).toEqual([]);
  });

  it("after it has made the machine leaves one that is adopted with what it mounts", async () => {
    const { t, api, fleet } = await startPool(LONELY, WITH_VOLUMES);
    await enqueue(t, "c");
    await commitAndDie(t, "wdead");
    const volume = addVolumeOf(api, "wdead");
    api.add({ name: "default-wdead-g1", config: mountOf(volume.id, "wdead") });
    await fleet.run(3 * MINUTE, 10 * SECOND);
    expect(await volumeRows(t)).toContainEqual(expect.objectContaining({ workerId: "wdead", volumeId: volume.id }));
    await fleet.run(12 * MINUTE, 10 * SECOND);
    expect(api.live()).toEqual([]);
    expect(volume.deletedAt).toBeLessThan(Infinity);
    expect(await volumeRows(t)).toEqual([]);
  });

  it("after it has destroyed the machine leaves the volume to the next one", async () => {
    const { t, api, fleet, machine, volume } = await startWorker();
    machine.destroyedAt = Date.now();
    await letGo(t);
    await fleet.run(5 * MINUTE, 5 * SECOND);
    expect(await liveRows(t)).toEqual([]);
    expect(volume.deletedAt).toBeLessThan(Infinity);
    expect(await volumeRows(t)).toEqual([]);
    expect(api.live()).toEqual([]);
  });

  it("while it deletes a volume is followed by one that does", async () => {
    const { t, fleet, volume } = await startWorker();
    await letGo(t);
    await inComponent(t, async (ctx) => {
      const row = await ctx.db.query("poolVolumes").first();
      // Taken by a run of which nothing was heard any more.
      if (row !== null) await ctx.db.patch("poolVolumes", row._id, { attempts: 1, removeAt: Date.now() + 2 * SECOND });
    });
    await fleet.run(2 * MINUTE, 5 * SECOND);
    expect(volume.deletedAt).toBeLessThan(Infinity);
    expect(await volumeRows(t)).toEqual([]);
  });
});

describe("the end of a volume", () => {
  useFakePool();

  it("is told in the timeline, and costs four calls", async () => {
    const { t, api, fleet } = await startWorker();
    api.calls.length = 0;
    await letGo(t);
    await fleet.run(MINUTE, 5 * SECOND);
    expect(api.count("list_volumes", "get_volume", "delete_volume")).toBe(4);
    const events = await inComponent(t, async (ctx) => await readTimeline(ctx, poolKey, { limit: 50 }));
    expect(events.map(({ kind }) => kind)).toContain("volume_gone");
  });

  it.each<[string, ApiFault]>([
    ["500 after it was done", { kind: "lose_answer", status: 500 }],
    ["a dropped connection after it was done", { kind: "lose_answer", status: "drop" }],
    ["500 and nothing was done", { kind: "refuse", status: 500 }],
    ["429", { kind: "refuse", status: 429 }],
    ["nothing at all", { kind: "hang" }],
  ])("comes although the answer to a delete is %s", async (_what, fault) => {
    const { t, api, fleet, volume } = await startWorker();
    let deletes = 0;
    api.faultFor = ({ action }) => (action === "delete_volume" && ++deletes === 1 ? fault : null);
    await letGo(t);
    await fleet.run(2 * MINUTE, 5 * SECOND);
    expect(volume.deletedAt).toBeLessThan(Infinity);
    expect(await volumeRows(t)).toEqual([]);
    expect(await health(t)).toMatchObject({ problem: null });
  });

  it("does not need a list that shows it", async () => {
    const { t, api, fleet, volume } = await startWorker();
    api.faultFor = ({ action }) => (action === "list_volumes" ? { kind: "stale", ageMs: 60 * MINUTE } : null);
    await letGo(t);
    await fleet.run(MINUTE, 5 * SECOND);
    expect(volume.deletedAt).toBeLessThan(Infinity);
    expect(await volumeRows(t)).toEqual([]);
  });

  it("waits as long as it is attached, and says so once that is odd", async () => {
    const { t, api, fleet, volume } = await startWorker();
    api.faultFor = ({ action }) =>
      action === "get_volume" ? { kind: "view", change: (view) => ({ ...view, attached_machine_id: "m1" }) } : null;
    await letGo(t);
    await fleet.run(3 * MINUTE, 5 * SECOND);
    expect(api.count("delete_volume")).toBe(0);
    // Its worker is gone, and its place is free.
    expect(await liveRows(t)).toEqual([]);
    expect(await health(t)).toMatchObject({ problem: { kind: "volume_stuck" } });
    const { problem } = await health(t);
    expect(problem?.message).toContain(`Volume ${volume.id}`);
    expect(problem?.message).toContain("It is attached to machine m1.");
    const tries = api.count("get_volume");
    await fleet.run(30 * MINUTE, 20 * SECOND);
    expect(api.count("get_volume") - tries).toBeLessThan(10);
    api.faultFor = () => null;
    await fleet.run(12 * MINUTE, 20 * SECOND);
    expect(volume.deletedAt).toBeLessThan(Infinity);
    await fleet.run(12 * MINUTE, 20 * SECOND);
    expect(await health(t)).toMatchObject({ problem: null });
  });

  it("does not come while it may be the only copy of something", async () => {
    const { t, api, fleet, volume } = await startWorker();
    const [row] = await volumeRows(t);
    await storeSnapshot(t, { workerId: row?.workerId ?? "", conversationId: "precious", isStored: false });
    await letGo(t);
    await fleet.run(10 * MINUTE, 10 * SECOND);
    expect(api.shelf.live()).toEqual([volume]);
    expect(api.count("delete_volume")).toBe(0);
    const { problem } = await health(t);
    expect(problem).toMatchObject({ kind: "volume_unsaved" });
    expect(problem?.message).toContain("precious");
  });

  it("follows a volume that the provider has moved to another host", async () => {
    const { t, api, fleet, machine, volume } = await startWorker();
    // As Fly does it: the same machine, a copy of its volume under a new id, and the old one gone some time later.
    const moved = api.shelf.add({ name: volume.name, region: volume.region });
    machine.config["mounts"] = [{ volume: moved.id, path: "/data" }];
    await letGo(t);
    await fleet.run(2 * MINUTE, 5 * SECOND);
    expect(moved.deletedAt).toBeLessThan(Infinity);
    expect(api.shelf.live()).toEqual([]);
    expect(await volumeRows(t)).toEqual([]);
  });

  it("does not take a volume for its own because of an id alone", async () => {
    const { t, api, fleet, volume } = await startWorker();
    const others = api.shelf.add({ name: "data" });
    await inComponent(t, async (ctx) => {
      const row = await ctx.db.query("poolVolumes").first();
      if (row !== null) await ctx.db.patch("poolVolumes", row._id, { volumeId: others.id });
    });
    // The list of machines is older than the machine: nobody says what it mounts.
    api.faultFor = ({ action }) => (action === "list" ? { kind: "stale", ageMs: 60 * MINUTE } : null);
    await letGo(t);
    await fleet.run(2 * MINUTE, 5 * SECOND);
    expect(volume.deletedAt).toBeLessThan(Infinity);
    expect(api.shelf.live()).toEqual([others]);
  });

  it("holds up new machines when volumes pile up, and no sooner", async () => {
    const { t, api, fleet } = await startPool({ ...LONELY, maxWorkers: 2 }, WITH_VOLUMES);
    const pile = async (count: number) => {
      await inComponent(t, async (ctx) => {
        for (let index = 0; index < count; index++) {
          const workerId = `wpile${index}`;
          const name = volumeName(OWNERSHIP, "data", workerId);
          const row = { poolKey, workerId, home: "fly:app", name, isSettled: true, createdAt: Date.now(), attempts: 9 };
          await ctx.db.insert("poolVolumes", { ...row, removeAt: Date.now() + 5 * MINUTE });
        }
      });
    };
    await pile(21);
    await enqueue(t, "c");
    await fleet.run(MINUTE, 5 * SECOND);
    expect(api.count("create", "create_volume")).toBe(0);
    // None of them is there any more, which is seen when they are due.
    await fleet.run(6 * MINUTE, 5 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect((await volumeRows(t)).filter(({ workerId }) => workerId.startsWith("wpile"))).toEqual([]);
    await pile(20);
    await enqueue(t, "d");
    await fleet.run(MINUTE, 5 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
  });

  it("is nothing that two runs do at the same time", async () => {
    const { t, api, fleet } = await startWorker();
    await letGo(t);
    await fleet.run(10 * SECOND, 5 * SECOND);
    await whileTimePasses(Promise.all([reconcile(t), reconcile(t), reconcile(t)]));
    await letTimePass(MINUTE);
    await fleet.run(MINUTE, 5 * SECOND);
    expect(api.count("delete_volume")).toBe(1);
  });
});

/** A volume for each worker: made before its machine, found by its name when an answer is lost, and gone after it. */
import { describe, expect, it } from "vitest";
import { enqueue, queueStats } from "../../setup.test-kit.js";
import type { Action, ApiFault, MachinesApi } from "../machines-api.test-kit.js";
import { health, liveRows, startPool, useFakePool } from "../pool.test-kit.js";
import { volumeRows, WITH_VOLUMES } from "./volumes.test-kit.js";
import type { Pool } from "../pool.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const LONELY = { maxWorkers: 1, suspendAfterMs: 60 * MINUTE, idleTimeoutMs: 20 * SECOND };

/** The first call of that kind meets the fault. */
function once(api: MachinesApi, wanted: Action, fault: ApiFault): void {
  let met = false;
  api.faultFor = ({ action }) => {
    if (met || action !== wanted) return null;
    met = true;
    return fault;
  };
}

async function untilNothingIsLeft({ t, api, fleet }: Pool, limitMs = 10 * MINUTE): Promise<void> {
  for (let waited = 0; waited < limitMs; waited += 10 * SECOND) {
    await fleet.run(10 * SECOND, 5 * SECOND);
    if (api.live().length + api.shelf.live().length + (await volumeRows(t)).length === 0) break;
  }
  expect(api.live()).toEqual([]);
  expect(api.shelf.live()).toEqual([]);
  expect(await volumeRows(t)).toEqual([]);
  expect(await liveRows(t)).toEqual([]);
  expect(await health(t)).toMatchObject({ problem: null });
}

const full = { kind: "refuse", status: 400, body: { error: "no capacity", status: "unknown" } } as const;
const noRoomBeside = {
  kind: "refuse",
  status: 412,
  body: {
    error: "insufficient resources to create new machine with existing volume",
    status: "volume_placement_capacity",
  },
} as const;

describe("a worker's volume", () => {
  useFakePool();

  it("is made before its machine, mounted by it, known by its row, and deleted after it", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    const { t, api, fleet } = pool;
    await enqueue(t, "c");
    await fleet.run(15 * SECOND);
    const [volume] = api.shelf.live();
    const [machine] = api.live();
    expect(volume).toMatchObject({
      region: "fra",
      sizeGb: 10,
      name: expect.stringMatching(/^data_[a-z0-9]{7}_/) as string,
    });
    expect(machine?.config).toMatchObject({
      mounts: [{ volume: volume?.id, path: "/data" }],
      env: { AGENT_FACTORY_DATA_DIR: "/data" },
    });
    const order = api.calls.map(({ action }) => action);
    expect(order.indexOf("create_volume")).toBeLessThan(order.indexOf("create"));
    const [worker] = await liveRows(t);
    expect(await volumeRows(t)).toMatchObject([
      { workerId: worker?.workerId, name: volume?.name, volumeId: volume?.id, isSettled: true },
    ]);
    await untilNothingIsLeft(pool);
    expect(api.shelf.volumes.size).toBe(1);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.count("list_volumes")).toBe(1);
  });

  it("is one for each machine, and never handed on", async () => {
    const pool = await startPool({ ...LONELY, maxWorkers: 3 }, WITH_VOLUMES);
    const { t, api, fleet } = pool;
    for (const conversation of ["a", "b", "c"]) await enqueue(t, conversation);
    await fleet.run(15 * SECOND);
    const mounted = api.live().map(({ config }) => config["mounts"]);
    expect(new Set(mounted.map((mounts) => JSON.stringify(mounts))).size).toBe(3);
    await untilNothingIsLeft(pool);
    await enqueue(t, "a");
    await fleet.run(15 * SECOND);
    expect(api.shelf.volumes.size).toBe(4);
  });

  it("stays while its machine sleeps", async () => {
    const { t, api, fleet } = await startPool({ ...LONELY, suspendAfterMs: 10 * SECOND }, WITH_VOLUMES);
    await enqueue(t, "c");
    await fleet.run(MINUTE);
    expect(await liveRows(t)).toMatchObject([{ status: "suspended" }]);
    expect(api.shelf.live()).toHaveLength(1);
    await enqueue(t, "c");
    await fleet.run(10 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 2 });
    expect(api.shelf.volumes.size).toBe(1);
  });

  it.each<[string, ApiFault]>([
    ["500", { kind: "lose_answer", status: 500 }],
    ["408", { kind: "lose_answer", status: 408 }],
    ["a dropped connection", { kind: "lose_answer", status: "drop" }],
  ])("is adopted by its name when it was made and the answer is %s", async (_what, fault) => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    once(pool.api, "create_volume", fault);
    await enqueue(pool.t, "c");
    await pool.fleet.run(MINUTE / 3);
    expect(await queueStats(pool.t)).toMatchObject({ done: 1 });
    expect(pool.api.shelf.volumes.size).toBe(1);
    expect(pool.api.count("create_volume")).toBe(1);
    await untilNothingIsLeft(pool);
  });

  it("is not made up: as long as nobody says whether it exists, there is no machine", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    const { t, api, fleet } = pool;
    api.faultFor = ({ action }) => {
      if (action === "create_volume") return { kind: "lose_answer", status: 500 };
      return action === "list_volumes" ? { kind: "refuse", status: 503 } : null;
    };
    await enqueue(t, "c");
    await fleet.run(40 * SECOND);
    expect(api.count("create")).toBe(0);
    expect(api.count("create_volume")).toBe(1);
    // Its row counts, so nothing else is tried in its place.
    expect(await liveRows(t)).toMatchObject([{ status: "starting" }]);
    api.faultFor = () => null;
    await fleet.run(6 * MINUTE, 5 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    await untilNothingIsLeft(pool);
  });

  it("of which there are two is taken once, and the other one goes as well", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    const { t, api, fleet } = pool;
    let creates = 0;
    api.faultFor = ({ action }) => {
      if (action === "create_volume" && ++creates === 1) return { kind: "lose_answer", status: 500 };
      // A list from before: the first one is not seen, and a second is made.
      return action === "list_volumes" && creates === 1 ? { kind: "stale", ageMs: 30 * SECOND } : null;
    };
    await enqueue(t, "c");
    await fleet.run(15 * SECOND);
    expect(api.shelf.live()).toHaveLength(2);
    expect(new Set(api.shelf.live().map(({ name }) => name)).size).toBe(1);
    expect(api.live()).toHaveLength(1);
    await untilNothingIsLeft(pool);
  });

  it("that comes to be long after it was given up is found and deleted", async () => {
    const pool = await startPool({ ...LONELY, bootDeadlineMs: 10 * SECOND }, WITH_VOLUMES);
    let creates = 0;
    pool.api.faultFor = ({ action }) =>
      action === "create_volume" && ++creates === 1 ? { kind: "commit_late", afterMs: 70 * SECOND } : null;
    await enqueue(pool.t, "c");
    await pool.fleet.run(2 * MINUTE, 5 * SECOND);
    expect(pool.api.shelf.volumes.size).toBeGreaterThan(1);
    await untilNothingIsLeft(pool);
    expect(await queueStats(pool.t)).toMatchObject({ done: 1 });
  });

  it("goes to the next region when its own has no room for it", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    once(pool.api, "create_volume", full);
    await enqueue(pool.t, "c");
    await pool.fleet.run(20 * SECOND);
    expect(pool.api.shelf.live()).toMatchObject([{ region: "ams" }]);
    expect(pool.api.live()).toMatchObject([{ region: "ams" }]);
    await untilNothingIsLeft(pool);
  });

  it("is deleted, and made anew in the next region, when there is no room for its machine beside it", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    const { t, api, fleet } = pool;
    once(api, "create", noRoomBeside);
    await enqueue(t, "c");
    await fleet.run(20 * SECOND);
    const first = api.calls.findIndex(({ action }) => action === "create");
    expect(api.calls.slice(first, first + 6).map(({ action }) => action)).toEqual([
      "create",
      // Nobody has that name, and nothing is attached: only then.
      "list",
      "get_volume",
      "delete_volume",
      "create_volume",
      "create",
    ]);
    expect(api.shelf.live()).toMatchObject([{ region: "ams" }]);
    expect(await volumeRows(t)).toMatchObject([{ isSettled: true, volumeId: api.shelf.live()[0]?.id }]);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    await untilNothingIsLeft(pool);
  });

  it("is left where it is when its machine turns out to exist", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    const { t, api, fleet } = pool;
    const { status, body } = noRoomBeside;
    let creates = 0;
    api.faultFor = ({ action }) => {
      if (action === "create" && ++creates === 1) return { kind: "lose_answer", status, body };
      // Nor does a look show it at once.
      const change = (view: Record<string, unknown>) => ({ ...view, attached_machine_id: null });
      return action === "get_volume" && creates === 1 ? { kind: "view", change } : null;
    };
    await enqueue(t, "c");
    await fleet.run(20 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.count("create_volume", "create")).toBe(2);
    expect(api.count("delete_volume")).toBe(0);
    // The machine itself has said what it mounts.
    expect(await volumeRows(t)).toMatchObject([{ volumeId: api.shelf.live()[0]?.id }]);
    await untilNothingIsLeft(pool);
  });

  it("is looked for where it was asked for, also when one of its name is left in another region", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    const { t, api, fleet } = pool;
    const met = new Map<string, number>();
    api.faultFor = ({ action }) => {
      const count = (met.get(action) ?? 0) + 1;
      met.set(action, count);
      if (action === "create" && count === 1) return noRoomBeside;
      if (action === "delete_volume" && count === 1) return { kind: "refuse", status: 500 };
      return action === "create_volume" && count === 2 ? { kind: "lose_answer", status: 500 } : null;
    };
    await enqueue(t, "c");
    await fleet.run(15 * SECOND);
    expect(api.shelf.live().map(({ region }) => region)).toEqual(["fra", "ams"]);
    expect(api.live()).toMatchObject([{ region: "ams" }]);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    await untilNothingIsLeft(pool);
  });

  it("is waited for when the machine's host does not know it yet", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    once(pool.api, "create", { kind: "refuse", status: 404, body: { error: "not_found: volume not found" } });
    await enqueue(pool.t, "c");
    await pool.fleet.run(20 * SECOND);
    expect(pool.api.count("create")).toBe(2);
    expect(pool.api.shelf.volumes.size).toBe(1);
    expect(await queueStats(pool.t)).toMatchObject({ done: 1 });
  });

  it("goes when its machine cannot be made", async () => {
    const pool = await startPool(LONELY, WITH_VOLUMES);
    const { t, api, fleet } = pool;
    once(api, "create", { kind: "refuse", status: 422, body: { error: "invalid_argument: image" } });
    await enqueue(t, "c");
    await fleet.run(30 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(api.shelf.volumes.size).toBe(2);
    expect(api.shelf.live()).toHaveLength(1);
    await untilNothingIsLeft(pool);
  });
});

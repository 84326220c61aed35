/** Volumes: where they lie, whom they serve, what outlives what, and who has room. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlyEmulator, type HostOptions } from "./index.js";
import { type JsonObject } from "./model/json.js";
import { idOf, startQuick, textOf, until, type TestClient } from "./testing/harness.js";

const SLEEPER = "registry.fly.io/sleeper";
/** One small host in each of two regions, so that room runs out at once. */
const HOSTS: HostOptions[] = [
  { id: "h1", region: "iad", zone: "z1", memoryMb: 1_024, volumeGb: 10 },
  { id: "h2", region: "fra", zone: "z2", memoryMb: 1_024, volumeGb: 10 },
];
let emulator: FlyEmulator;
let client: TestClient;

/** How far the emulator's clock is ahead. */
let aheadMs = 0;

beforeAll(async () => {
  const now = () => Date.now() + aheadMs;
  ({ emulator, client } = await startQuick({ hosts: HOSTS, pendingDestroyMs: 1_500, now }));
});

afterAll(() => emulator.close());

const volume = async (body: JsonObject = {}): Promise<string> =>
  idOf(await client.call("POST", "/volumes", { name: "data", region: "iad", size_gb: 1, ...body }));
const mounting = (id: string, path = "/data"): JsonObject => ({ mounts: [{ volume: id, path }] });
const remove = async (id: string): Promise<void> => {
  await client.call("DELETE", `/machines/${id}?force=true`);
  await client.reaches(id, "destroyed");
};

describe("a volume", () => {
  it("is created with Fly's defaults, read, changed and extended", async () => {
    const created = await client.call("POST", "/volumes", { name: "disk", region: "iad", size_gb: 2 });
    expect(created.json).toMatchObject({
      name: "disk",
      state: "created",
      size_gb: 2,
      region: "iad",
      zone: "z1",
      encrypted: true,
      snapshot_retention: 5,
      auto_backup_enabled: true,
      attached_machine_id: null,
    });
    const path = `/volumes/${idOf(created)}`;
    expect((await client.call("PUT", path, { snapshot_retention: 1 })).json.snapshot_retention).toBe(1);
    expect((await client.call("PUT", path, { snapshot_retention: 61 })).status).toBe(400);
    expect((await client.call("PUT", `${path}/extend`, { size_gb: 3 })).json).toMatchObject({
      needs_restart: false,
      volume: { size_gb: 3 },
    });
    expect((await client.call("PUT", `${path}/extend`, { size_gb: 1 })).status).toBe(400);
    expect((await client.call("GET", path)).json.size_gb).toBe(3);
    expect((await client.call("POST", "/volumes", { name: "x", region: "any" })).status).toBe(400);
    await client.call("DELETE", path);
  });

  it("outlives its machine, whose root does not, and keeps its data for the next", async () => {
    const id = await volume();
    const first = await client.started(SLEEPER, mounting(id, "/var/data"));
    const root = emulator.machine(first)?.rootDirectory ?? "";
    writeFileSync(join(root, "var/data/kept"), "still here");
    expect((await client.call("GET", `/volumes/${id}`)).json.attached_machine_id).toBe(first);
    await client.call("POST", `/machines/${first}/stop`, {});
    await client.reaches(first, "stopped");
    await client.call("POST", `/machines/${first}/start`);
    await client.reaches(first, "started");
    expect(readFileSync(join(root, "var/data/kept"), "utf8")).toBe("still here");
    await remove(first);
    expect(existsSync(root)).toBe(false);
    expect(readFileSync(join(emulator.volumeDirectory(id), "kept"), "utf8")).toBe("still here");
    const second = await client.started(SLEEPER, mounting(id));
    expect(readFileSync(join(emulator.machine(second)?.rootDirectory ?? "", "data/kept"), "utf8")).toBe("still here");
    await remove(second);
    await client.call("DELETE", `/volumes/${id}`);
  });

  it("serves one machine at a time, in its own region, and none when it is deleted", async () => {
    const id = await volume();
    const elsewhere = await client.create(SLEEPER, mounting(id), { region: "fra" });
    expect([elsewhere.status, emulator.volumes().find((row) => row.id === id)?.attached_machine_id]).toEqual([
      400,
      null,
    ]);
    const machine = await client.create(SLEEPER, mounting(id), { skip_launch: true });
    expect(machine.json.region).toBe("iad");
    const second = await client.create(SLEEPER, mounting(id));
    expect([second.status, second.json.error]).toEqual([
      409,
      `volume ${id} already attached to machine ${idOf(machine)}`,
    ]);
    expect((await client.call("DELETE", `/volumes/${id}`)).status).toBe(412);
    await remove(idOf(machine));
    expect((await client.call("DELETE", `/volumes/${id}`)).json.state).toBe("pending_destroy");
    expect((await client.create(SLEEPER, mounting(id))).status).toBe(400);
    expect((await client.create(SLEEPER, mounting("vol_none"))).status).toBe(404);
  });

  it("stays pending_destroy for a while and is then gone, directory and all", async () => {
    const id = await volume();
    const directory = emulator.volumeDirectory(id);
    await client.call("DELETE", `/volumes/${id}`);
    const listed = await client.call("GET", "/volumes");
    expect(JSON.stringify(listed.body)).toContain(`"id":"${id}"`);
    expect((await client.call("DELETE", `/volumes/${id}`)).json.state).toBe("pending_destroy");
    await until("it is gone", async () => (await client.call("GET", `/volumes/${id}`)).status === 404);
    await until("its directory is gone", () => !existsSync(directory));
  });
});

describe("a volume that is not as it looks", () => {
  const listed = async (): Promise<unknown[]> => {
    const { body } = await client.call("GET", "/volumes");
    return Array.isArray(body) ? body : [];
  };
  const showing = (id: string, more: JsonObject = {}): unknown => expect.objectContaining({ id, ...more });

  it("exists although the answer to its create was lost, and a second one of its name is another volume", async () => {
    for (const answer of [500, 408, "drop"] as const) {
      const name = `lost_${answer}`;
      emulator.faults.add({ match: { action: "volume_create" }, kind: "fail_after_commit", answer });
      const created = client.call("POST", "/volumes", { name, region: "iad", size_gb: 1 });
      if (answer === "drop") await expect(created).rejects.toThrow();
      else expect((await created).status).toBe(answer);
      const second = idOf(await client.call("POST", "/volumes", { name, region: "iad", size_gb: 1 }));
      const both = emulator.volumes().filter((row) => row.name === name);
      expect(both).toHaveLength(2);
      for (const { id } of both) await client.call("DELETE", `/volumes/${textOf(id)}`);
      expect(both.map(({ id }) => id)).toContain(second);
    }
  });

  it("is missing from a stale list and look while it is new, and in one still there when it is deleted", async () => {
    const old = await volume({ name: "old" });
    aheadMs += 120_000;
    await client.call("DELETE", `/volumes/${old}`);
    const fresh = await volume({ name: "fresh" });
    emulator.faults.add({ match: { action: "volume_list" }, kind: "stale", ageMs: 60_000 });
    const stale = await listed();
    expect(stale).toContainEqual(showing(old, { state: "created" }));
    expect(stale).not.toContainEqual(showing(fresh));
    expect(await listed()).toContainEqual(showing(old, { state: "pending_destroy" }));
    emulator.faults.add({ match: { action: "volume_get" }, kind: "stale", ageMs: 60_000, times: 2 });
    expect((await client.call("GET", `/volumes/${fresh}`)).status).toBe(404);
    expect((await client.call("GET", `/volumes/${old}`)).json.state).toBe("created");
    await client.call("DELETE", `/volumes/${fresh}`);
  });

  it("looks attached in a stale look after its machine is gone, and is of a state nobody has heard of", async () => {
    const id = await volume({ name: "held" });
    const machine = idOf(await client.create(SLEEPER, mounting(id), { skip_launch: true }));
    aheadMs += 120_000;
    await remove(machine);
    emulator.faults.add({ match: { volumeId: id }, kind: "stale", ageMs: 60_000, times: 2 });
    expect((await client.call("GET", `/volumes/${id}`)).json.attached_machine_id).toBe(machine);
    expect(await listed()).toContainEqual(showing(id, { attached_machine_id: machine }));
    expect((await client.call("GET", `/volumes/${id}`)).json.attached_machine_id).toBeNull();
    emulator.faults.add({ match: { volumeId: id }, kind: "unknown_state", state: "hydrating", times: 2 });
    expect(await listed()).toContainEqual(showing(id, { state: "hydrating" }));
    expect((await client.call("GET", `/volumes/${id}`)).json.state).toBe("hydrating");
    emulator.faults.add({ match: { action: "volume_delete" }, kind: "fail_before_commit", answer: 503 });
    expect((await client.call("DELETE", `/volumes/${id}`)).status).toBe(503);
    expect((await client.call("DELETE", `/volumes/${id}`)).json.state).toBe("pending_destroy");
  });
});

describe("room", () => {
  it("runs out for volumes by size and by the machine that is to come", async () => {
    const tooLarge = await client.call("POST", "/volumes", { name: "big", region: "iad", size_gb: 11 });
    expect([tooLarge.status, tooLarge.json.error]).toEqual([400, "no capacity"]);
    const hinted = { name: "hinted", region: "iad", size_gb: 1, compute: { memory_mb: 2_048 } };
    expect((await client.call("POST", "/volumes", hinted)).status).toBe(400);
    const zoned = { name: "zoned", region: "fra", size_gb: 1, require_unique_zone: true };
    expect((await client.call("POST", "/volumes", zoned)).status).toBe(200);
    expect((await client.call("POST", "/volumes", zoned)).status).toBe(400);
  });

  it("runs out for machines: 422 in a region, 412 beside a volume, 409 for a start", async () => {
    const half = { guest: { cpus: 1, memory_mb: 512 } };
    const id = await volume();
    const first = await client.started(SLEEPER, half, { region: "iad" });
    const second = await client.started(SLEEPER, half, { region: "iad" });
    const refused = await client.create(SLEEPER, half, { region: "iad" });
    expect([refused.status, refused.json.status]).toEqual([422, "insufficient_capacity"]);
    const beside = await client.create(SLEEPER, { ...half, ...mounting(id) });
    expect([beside.status, beside.json.status, beside.json.error]).toEqual([
      412,
      "volume_placement_capacity",
      `insufficient resources to create new machine with existing volume '${id}'`,
    ]);
    // A stopped machine gives its memory back; when somebody else has taken it, it cannot start.
    await client.call("POST", `/machines/${first}/stop`, {});
    await client.reaches(first, "stopped");
    const third = await client.started(SLEEPER, { ...half, ...mounting(id) });
    const start = await client.call("POST", `/machines/${first}/start`);
    expect([start.status, textOf(start.json.error)]).toEqual([
      409,
      expect.stringContaining("could not reserve resource for machine: insufficient memory"),
    ]);
    await remove(third);
    expect((await client.call("POST", `/machines/${first}/start`)).status).toBe(200);
    for (const machine of [first, second]) await remove(machine);
  });
});

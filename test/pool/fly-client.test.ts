/** The Fly client over real HTTP: what it sends, and what it makes of machines, lists and volumes. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { flyProvider } from "../../src/component/providers/fly/client.js";
import type { Provider } from "../../src/component/providers/provider.js";
import { json, startApiServer, type ApiServer } from "./api-server.js";
import { errorOf, MACHINE, SPEC, TOKEN } from "./fly-client-cases.js";

let server: ApiServer;
let provider: Provider;

beforeAll(async () => {
  server = await startApiServer();
});
afterAll(async () => {
  await server.close();
});
beforeEach(() => {
  server.asked.length = 0;
  provider = flyProvider({ baseUrl: server.url, appName: "my-app", token: TOKEN });
});

describe("what it sends", () => {
  it("a create, with everything a machine needs and no secret in its environment", async () => {
    server.answer(json(200, { ...MACHINE, config: { metadata: SPEC.metadata } }));
    expect(await provider.createMachine(SPEC)).toEqual({
      machineId: "m1",
      name: "default-w1-g1",
      region: "fra",
      state: "running",
      metadata: { owner: "pool" },
      createdAt: Date.UTC(2026, 4, 1, 10),
      // Without a guest it is the smallest.
      usdPerDay: 0.000_000_843 * 86_400,
    });
    expect(server.asked).toMatchObject([{ method: "POST", url: "/v1/apps/my-app/machines" }]);
    expect(server.asked[0]?.headers).toMatchObject({ authorization: `Bearer ${TOKEN}` });
    expect(server.asked[0]?.body).toEqual({
      name: "default-w1-g1",
      region: "fra",
      config: {
        image: "registry.fly.io/worker@sha256:abc",
        env: { URL: "https://x.convex.cloud" },
        metadata: { owner: "pool" },
        guest: { cpu_kind: "shared", cpus: 2, memory_mb: 512 },
        files: [{ guest_path: "/run/credential", raw_value: Buffer.from("gehört niemandem").toString("base64") }],
        restart: { policy: "no" },
        stop_config: { signal: "SIGTERM", timeout: "30s" },
      },
    });
  });

  it("stop, wait and destroy", async () => {
    server.answer(json(200, { ok: true }));
    await provider.stopMachine("m1", { timeoutSeconds: 9 });
    expect(await provider.waitUntilStopped("m1", 5)).toBe(true);
    await provider.destroyMachine("m1");
    expect(server.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "POST /v1/apps/my-app/machines/m1/stop",
      "GET /v1/apps/my-app/machines/m1/wait?state=stopped&timeout=5",
      "DELETE /v1/apps/my-app/machines/m1?force=true",
    ]);
    expect(server.asked[0]?.body).toEqual({ signal: "SIGTERM", timeout: "9s" });
  });

  it("ids that cannot reach another path", async () => {
    server.answer(json(404, {}));
    await provider.getMachine("../../apps/other/machines/m2?x=1");
    expect(server.asked[0]?.url).toBe("/v1/apps/my-app/machines/..%2F..%2Fapps%2Fother%2Fmachines%2Fm2%3Fx%3D1");
  });
});

describe("what it makes of machines", () => {
  it.each<[string, string]>([
    ["created", "booting"],
    ["starting", "booting"],
    ["restarting", "booting"],
    ["updating", "booting"],
    ["replacing", "booting"],
    ["started", "running"],
    ["stopping", "running"],
    ["suspending", "running"],
    ["suspended", "suspended"],
    ["stopped", "halted"],
    ["failed", "halted"],
    ["launch_failed", "halted"],
    ["destroying", "leaving"],
    ["hibernating", "unknown"],
    ["", "unknown"],
    ["STOPPED", "unknown"],
    ["constructor", "unknown"],
  ])("a state %j is %s", async (state, expected) => {
    server.answer(json(200, { ...MACHINE, state }));
    expect((await provider.getMachine("m1"))?.state).toBe(expected);
  });

  it.each(["destroyed", "replaced", "migrated"])(
    "one that is %s is gone, like one that is not found",
    async (state) => {
      server.answer(json(200, { ...MACHINE, state }));
      expect(await provider.getMachine("m1")).toBeNull();
      server.answer(json(404, { error: "not found" }));
      expect(await provider.getMachine("m1")).toBeNull();
    },
  );

  it.each<[string, unknown]>([
    ["no JSON", "<html>"],
    ["nothing", null],
    ["no machine", { ok: true }],
    ["a machine without an id", { name: "x", state: "started" }],
  ])("an answer with %s says nothing about the machine, least of all that it is gone", async (_what, body) => {
    server.answer(
      (_asked, response) => void response.writeHead(200).end(typeof body === "string" ? body : JSON.stringify(body)),
    );
    expect(await errorOf(provider.getMachine("m1"))).toMatchObject({ kind: "busy" });
    expect(await errorOf(provider.createMachine(SPEC))).toMatchObject({ kind: "ambiguous" });
    expect(await errorOf(provider.listMachines({}))).toMatchObject({ kind: "busy" });
  });

  it("whose host is out of reach are recognized by their incomplete_config", async () => {
    const metadata = { owner: "pool" };
    const unreachable = { ...MACHINE, host_status: "unreachable", config: undefined, incomplete_config: { metadata } };
    server.answer(json(200, unreachable));
    expect((await provider.getMachine("m1"))?.metadata).toEqual(metadata);
    server.answer(json(200, { ...unreachable, config: { metadata: { owner: "new" } } }));
    expect((await provider.getMachine("m1"))?.metadata).toEqual({ owner: "new" });
    server.answer(json(200, { ...MACHINE, config: null, incomplete_config: null }));
    expect((await provider.getMachine("m1"))?.metadata).toEqual({});
  });

  it("are stopped and destroyed without complaint when they are gone already", async () => {
    server.answer(json(404, { error: "machine not found" }));
    await provider.stopMachine("m1", { timeoutSeconds: 1 });
    await provider.destroyMachine("m1");
    expect(await provider.waitUntilStopped("m1", 1)).toBe(true);
  });
});

describe("lists", () => {
  const page = (machines: unknown[], next?: string) =>
    json(200, machines, next === undefined ? {} : { "fly-next-cursor": next });

  it("are read to the last page, empty and short ones included, with filters on each", async () => {
    const pages = new Map([
      [null, page([MACHINE], "a")],
      ["a", page([], "b")],
      ["b", page([{ ...MACHINE, id: "m2" }, { id: "no machine" }], "c")],
      ["c", page([])],
    ]);
    server.answer((asked, response) => {
      const { searchParams } = new URL(asked.url, server.url);
      expect(searchParams.get("metadata.agent-factory-pool")).toBe("a b&c");
      pages.get(searchParams.get("cursor"))?.(asked, response);
    });
    const machines = await provider.listMachines({ "agent-factory-pool": "a b&c" });
    expect(machines.map(({ machineId }) => machineId)).toEqual(["m1", "m2"]);
    expect(server.asked).toHaveLength(4);
  });

  it("that never end are given up, not cut", async () => {
    server.answer(page([MACHINE], "again"));
    expect(await errorOf(provider.listMachines({}))).toMatchObject({ kind: "rejected" });
    expect(server.asked).toHaveLength(20);
  });

  it("that break off halfway are no list", async () => {
    server.answer((asked, response) =>
      (asked.url.includes("cursor") ? json(500, {}) : page([MACHINE], "a"))(asked, response),
    );
    expect(await errorOf(provider.listMachines({}))).toMatchObject({ kind: "busy" });
  });

  it("may come inside an object", async () => {
    server.answer(json(200, { machines: [MACHINE] }));
    expect(await provider.listMachines({})).toHaveLength(1);
  });
});

describe("volumes", () => {
  const VOLUME = {
    id: "vol_1",
    name: "data_x",
    region: "fra",
    state: "created",
    size_gb: 10,
    attached_machine_id: "m1",
  };
  const observed = {
    volumeId: "vol_1",
    name: "data_x",
    region: "fra",
    state: "ready",
    attachedMachineId: "m1",
    createdAt: Date.parse("2026-05-01T10:00:00Z"),
    usdPerDay: 0.05,
  };
  const created_at = "2026-05-01T10:00:00Z";

  it("are made for the machine that is to come, unattached and without copies of their own", async () => {
    server.answer(json(200, { ...VOLUME, created_at, attached_machine_id: null }));
    const { guest } = SPEC;
    const made = await provider.createVolume({ name: "data_x", region: "fra", sizeGb: 10, guest });
    expect(made).toEqual({ ...observed, attachedMachineId: null });
    expect(server.asked.at(-1)).toMatchObject({
      method: "POST",
      url: "/v1/apps/my-app/volumes",
      body: {
        name: "data_x",
        region: "fra",
        size_gb: 10,
        compute: { cpu_kind: "shared", cpus: 2, memory_mb: 512 },
        auto_backup_enabled: false,
      },
    });
    server.answer(json(400, { error: "no capacity" }));
    const refused = provider.createVolume({ name: "data_x", region: "fra", sizeGb: 10, guest });
    expect(await errorOf(refused)).toMatchObject({ kind: "no_capacity" });
    server.answer(json(200, { ok: true }));
    const unclear = provider.createVolume({ name: "data_x", region: "fra", sizeGb: 10, guest });
    expect(await errorOf(unclear)).toMatchObject({ kind: "ambiguous" });
  });

  it("are looked at one by one: gone only when Fly is sure, and never for an answer that cannot be read", async () => {
    server.answer(json(200, { ...VOLUME, created_at }));
    expect(await provider.getVolume("vol_1")).toEqual(observed);
    server.answer(json(200, { ...VOLUME, state: "pending_destroy", attached_machine_id: "" }));
    expect(await provider.getVolume("vol_1")).toMatchObject({
      state: "leaving",
      attachedMachineId: null,
      usdPerDay: 0,
    });
    server.answer(json(200, { ...VOLUME, state: "hydrating" }));
    expect(await provider.getVolume("vol_1")).toMatchObject({ state: "unknown", usdPerDay: 0.05 });
    server.answer(json(404, { error: "not_found: volume not found" }));
    expect(await provider.getVolume("vol_2")).toBeNull();
    server.answer(json(200, []));
    expect(await errorOf(provider.getVolume("vol_2"))).toMatchObject({ kind: "busy" });
  });

  it("are listed and deleted, with the answer as it was", async () => {
    server.answer(json(200, [{ ...VOLUME, created_at }, { name: "x" }]));
    expect(await provider.listVolumes()).toEqual([observed]);
    server.answer(json(412, { error: "volume is attached" }));
    expect(await provider.deleteVolume("vol_1")).toMatchObject({ status: 412 });
    server.answer(json(200, {}));
    expect(await provider.deleteVolume("vol_1")).toEqual({ status: 200, message: "deleted" });
    server.answer((_asked, response) => void response.destroy());
    expect(await errorOf(provider.deleteVolume("vol_1"))).toMatchObject({ kind: "ambiguous" });
  });

  it("are mounted by a machine, which says so wherever it is looked at", async () => {
    const config = { mounts: [{ volume: "vol_2", path: "/data" }] };
    server.answer(json(200, { ...MACHINE, config }));
    const machine = await provider.createMachine({ ...SPEC, volume: { volumeId: "vol_1", path: "/data" } });
    expect(server.asked.at(-1)?.body).toMatchObject({ config: { mounts: [{ volume: "vol_1", path: "/data" }] } });
    expect(machine.volumeId).toBe("vol_2");
    server.answer(json(200, { ...MACHINE, incomplete_config: config }));
    expect(await provider.getMachine("m1")).toMatchObject({ volumeId: "vol_2" });
  });
});

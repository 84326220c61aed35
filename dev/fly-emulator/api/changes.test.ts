/** What changes a machine's description: new versions, leases, metadata. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlyEmulator } from "../index.js";
import { isJsonObject, type JsonObject } from "../model/json.js";
import { idOf, sleep, startQuick, type TestClient, textOf, until, type Reply } from "../testing/harness.js";

const SLEEPER = "registry.fly.io/sleeper";
let emulator: FlyEmulator;
let client: TestClient;

beforeAll(async () => {
  ({ emulator, client } = await startQuick());
});

afterAll(() => emulator.close());

const rows = (reply: Reply): JsonObject[] => (Array.isArray(reply.body) ? reply.body.filter(isJsonObject) : []);

describe("update", () => {
  it("replaces the whole config under a new version, and refuses an outdated one", async () => {
    const id = await client.started(SLEEPER, { env: { A: "1" }, metadata: { kept: "no" } });
    const before = (await client.call("GET", `/machines/${id}`)).json;
    const processId = emulator.machine(id)?.processId;
    const version = before.instance_id ?? null;
    const update = { config: { image: SLEEPER, env: { B: "2" } }, current_version: version };
    const updated = await client.call("POST", `/machines/${id}`, update);
    expect(updated.json.config).toEqual({ image: SLEEPER, env: { B: "2" } });
    expect(updated.json.instance_id).not.toBe(version);
    await until("it runs anew", () => ![undefined, processId].includes(emulator.machine(id)?.processId));
    await client.reaches(id, "started");
    const late = await client.call("POST", `/machines/${id}`, update);
    expect([late.status, late.json.error]).toEqual([409, "aborted: machine update failed due to concurrent update"]);
    expect((await client.call("POST", `/machines/${id}`, {})).status).toBe(400);
    expect((await client.call("POST", `/machines/${id}`, { ...update, region: "fra" })).status).toBe(409);
  });

  it("leaves a stopped machine stopped with skip_launch, and starts it without", async () => {
    const id = await client.started(SLEEPER);
    await client.call("POST", `/machines/${id}/stop`, {});
    await client.reaches(id, "stopped");
    await client.call("POST", `/machines/${id}`, { config: { image: SLEEPER, env: { C: "3" } }, skip_launch: true });
    await sleep(60);
    expect(await client.state(id)).toBe("stopped");
    await client.call("POST", `/machines/${id}`, { config: { image: SLEEPER } });
    await client.reaches(id, "started");
  });
});

describe("lease", () => {
  const held = { "fly-machine-lease-nonce": "" };
  let id: string;

  beforeAll(async () => {
    id = await client.started(SLEEPER);
  });

  it("is taken, shown, enforced on every mutation, prolonged and released", async () => {
    expect((await client.call("GET", `/machines/${id}/lease`)).status).toBe(404);
    const taken = await client.call("POST", `/machines/${id}/lease`, { ttl: 30, description: "test" });
    expect([taken.status, taken.json.status]).toEqual([201, "success"]);
    const data = isJsonObject(taken.json.data) ? taken.json.data : {};
    expect(data).toMatchObject({ description: "test", owner: expect.any(String) as string });
    expect(Number(data.expires_at)).toBeGreaterThan(Date.now() / 1_000 + 20);
    held["fly-machine-lease-nonce"] = textOf(data.nonce);

    const mutations: [string, string, JsonObject?][] = [
      ["POST", "", { config: { image: SLEEPER } }],
      ["POST", "/start"],
      ["POST", "/stop", {}],
      ["POST", "/suspend"],
      ["POST", "/restart"],
      ["POST", "/signal", { signal: "SIGUSR1" }],
      ["POST", "/cordon"],
      ["POST", "/uncordon"],
      ["POST", "/metadata/key", { value: "v" }],
      ["DELETE", "/metadata/key"],
      ["POST", "/lease", { ttl: 30 }],
      ["DELETE", "/lease"],
      ["DELETE", "?force=true"],
    ];
    for (const [method, path, body] of mutations) {
      const refused = await client.call(method, `/machines/${id}${path}`, body, { "fly-machine-lease-nonce": "other" });
      expect([path, refused.status]).toEqual([path, 409]);
      expect(refused.json.error).toMatch(`machine ID ${id} lease currently held by`);
    }
    expect((await client.call("POST", `/machines/${id}/cordon`, undefined, held)).status).toBe(200);
    expect((await client.call("GET", `/machines/${id}`)).json.cordoned).toBe(true);
    const prolonged = await client.call("POST", `/machines/${id}/lease`, { ttl: 300 }, held);
    expect(isJsonObject(prolonged.json.data) && prolonged.json.data.nonce).toBe(held["fly-machine-lease-nonce"]);
    expect((await client.call("DELETE", `/machines/${id}/lease`, undefined, held)).status).toBe(200);
    expect((await client.call("POST", `/machines/${id}/uncordon`)).status).toBe(200);
  });

  it("ends with its time", async () => {
    await client.call("POST", `/machines/${id}/lease`, { ttl: 2 });
    expect((await client.call("POST", `/machines/${id}/cordon`)).status).toBe(409);
    await until("it has expired", async () => (await client.call("POST", `/machines/${id}/cordon`)).status === 200);
  });

  it("comes with a create that asks for one, and can be shown flat", async () => {
    const flat = await startQuick({ leaseBody: "flat" });
    const created = await flat.client.create(SLEEPER, {}, { skip_launch: true, lease_ttl: 30 });
    const nonce = textOf(created.json.nonce);
    const shown = await flat.client.call("GET", `/machines/${idOf(created)}/lease`);
    expect(shown.json.nonce).toBe(nonce);
    expect((await flat.client.call("DELETE", `/machines/${idOf(created)}?force=true`)).status).toBe(409);
    await flat.emulator.close();
  });
});

describe("metadata", () => {
  it("is read, set and removed without a new version, and shows in lists", async () => {
    const id = idOf(await client.create(SLEEPER, { metadata: { first: "1" } }, { skip_launch: true }));
    const version = (await client.call("GET", `/machines/${id}`)).json.instance_id;
    const path = `/machines/${id}/metadata`;
    expect((await client.call("POST", `${path}/second`, { value: "2" })).status).toBe(204);
    expect((await client.call("GET", path)).json).toEqual({ first: "1", second: "2" });
    expect((await client.call("GET", `${path}/second`)).json).toEqual({ value: "2" });
    expect(rows(await client.call("GET", "/machines?metadata.second=2")).map((row) => row.id)).toEqual([id]);
    expect((await client.call("DELETE", `${path}/first`)).status).toBe(204);
    expect((await client.call("GET", `${path}/first`)).status).toBe(404);
    expect((await client.call("POST", `${path}/bad`, { value: 3 })).status).toBe(400);
    expect((await client.call("PATCH", path, { metadata: { third: "3" } })).status).toBe(204);
    expect((await client.call("GET", path)).json).toEqual({ second: "2", third: "3" });
    expect((await client.call("PUT", path, { metadata: { only: "x" }, machine_version: "old" })).status).toBe(412);
    expect((await client.call("PUT", path, { metadata: { only: "x" } })).status).toBe(204);
    expect((await client.call("GET", path)).json).toEqual({ only: "x" });
    expect((await client.call("GET", `/machines/${id}`)).json.instance_id).toBe(version);
  });
});

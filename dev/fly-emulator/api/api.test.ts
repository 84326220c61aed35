/** The API's own rules: names, lists, versions, leases, metadata, waiting, limits. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlyEmulator } from "../index.js";
import { isJsonObject, type JsonObject } from "../model/json.js";
import { idOf, sleep, startQuick, TestClient, textOf, until, type Reply } from "../testing/harness.js";

const SLEEPER = "registry.fly.io/sleeper";
let emulator: FlyEmulator;
let client: TestClient;

beforeAll(async () => {
  ({ emulator, client } = await startQuick());
});

afterAll(() => emulator.close());

const rows = (reply: Reply): JsonObject[] => (Array.isArray(reply.body) ? reply.body.filter(isJsonObject) : []);
const namesIn = (reply: Reply): unknown[] => rows(reply).map((row) => row.name);

describe("access", () => {
  it("needs the token, and answers every request with an id", async () => {
    const stranger = new TestClient({ url: emulator.url, token: "wrong" });
    const refused = await stranger.call("GET", "/machines");
    expect([refused.status, refused.json.status]).toEqual([401, "unknown"]);
    const ids = [refused, await client.call("GET", "/machines")].map((reply) => reply.headers.get("fly-request-id"));
    expect(ids[0]).toMatch(/^01[0-9A-Z]{24}-/);
    expect(ids[1]).not.toBe(ids[0]);
  });

  it("answers 404 for what is not there and 400 for what is not JSON", async () => {
    expect((await client.call("GET", "/machines/0123456789abcd")).status).toBe(404);
    expect((await client.call("GET", "/nothing")).status).toBe(404);
    const broken = await fetch(`${emulator.url}/apps/test-app/machines`, {
      method: "POST",
      headers: { authorization: `Bearer ${emulator.token}` },
      body: "{",
    });
    expect(broken.status).toBe(400);
    expect((await client.call("POST", "/machines", [])).status).toBe(400);
    expect((await client.create("registry.fly.io/unknown")).status).toBe(400);
    expect((await client.create(SLEEPER, {}, { region: "eu" })).status).toBe(400);
  });

  it("keeps apps apart", async () => {
    const id = idOf(await client.create(SLEEPER, {}, { skip_launch: true, name: "mine" }));
    const other = new TestClient(emulator, "other-app");
    expect((await other.call("GET", `/machines/${id}`)).status).toBe(404);
    expect(rows(await other.call("GET", "/machines"))).toEqual([]);
    expect((await other.create(SLEEPER, {}, { skip_launch: true, name: "mine" })).status).toBe(200);
  });
});

describe("names", () => {
  it("are given to exactly one of twenty concurrent creates, and the others learn to whom", async () => {
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => client.create(SLEEPER, {}, { name: "worker-1-g1", skip_launch: true })),
    );
    const winners = replies.filter((reply) => reply.status === 200);
    const losers = replies.filter((reply) => reply.status === 409);
    expect([winners.length, losers.length]).toEqual([1, 19]);
    const [winner] = winners;
    const id = winner === undefined ? "" : idOf(winner);
    const expected = `already_exists: unique machine name violation, machine ID ${id} already exists with name "worker-1-g1"`;
    expect(new Set(losers.map((reply) => reply.json.error))).toEqual(new Set([expected]));
    expect(losers[0]?.json.status).toBe("name_taken");
    expect(emulator.machines().filter((machine) => machine.name === "worker-1-g1")).toHaveLength(1);
  });

  it("are free again after destroy, while the old machine still answers and then is gone", async () => {
    const short = await startQuick({ destroyedVisibleMs: 1_500 });
    const first = idOf(await short.client.create(SLEEPER, {}, { name: "again", skip_launch: true }));
    await short.client.call("DELETE", `/machines/${first}?force=true`);
    await short.client.reaches(first, "destroyed");
    const second = idOf(await short.client.create(SLEEPER, {}, { name: "again", skip_launch: true }));
    expect(await short.client.state(first)).toBe("destroyed");
    expect(rows(await short.client.call("GET", "/machines")).map((row) => row.id)).toEqual([second]);
    const all = await short.client.call("GET", "/machines?include_deleted=true");
    expect(rows(all).map((row) => row.id)).toEqual([first, second]);
    await until("it is forgotten", async () => (await short.client.call("GET", `/machines/${first}`)).status === 404);
    await short.emulator.close();
  });
});

describe("list", () => {
  const fleet = new Map<string, string>();
  let lister: TestClient;

  beforeAll(async () => {
    lister = new TestClient(emulator, "list-app");
    for (const [name, region, pool, role] of [
      ["a", "iad", "blue", "worker"],
      ["b", "fra", "blue", "worker"],
      ["c", "iad", "green", "worker"],
      ["d", "iad", "blue", "web"],
    ] as const) {
      const config = { image: SLEEPER, metadata: { pool, role } };
      const created = await lister.call("POST", "/machines", { name, region, config, skip_launch: name !== "a" });
      fleet.set(name, idOf(created));
    }
    await lister.reaches(fleet.get("a") ?? "", "started");
  });

  it.each([
    ["", ["a", "b", "c", "d"]],
    ["?metadata.pool=blue", ["a", "b", "d"]],
    ["?metadata.pool=blue&metadata.role=worker", ["a", "b"]],
    ["?metadata.pool=red", []],
    ["?region=iad", ["a", "c", "d"]],
    ["?state=started", ["a"]],
    ["?state=started,created&region=fra", ["b"]],
    ["?state=stopped", []],
  ])("filters by %s", async (query, names) => {
    expect(namesIn(await lister.call("GET", `/machines${query}`))).toEqual(names);
  });

  it("drops config in a summary", async () => {
    const [row] = rows(await lister.call("GET", "/machines?summary=true"));
    expect(row).toMatchObject({ name: "a", state: "started" });
    expect(row).not.toHaveProperty("config");
  });

  it("pages by cursor, and refuses limits and cursors that are none", async () => {
    const first = await lister.call("GET", "/machines?limit=3");
    expect(namesIn(first)).toEqual(["a", "b", "c"]);
    const cursor = first.headers.get("fly-next-cursor") ?? "";
    const second = await lister.call("GET", `/machines?limit=3&cursor=${encodeURIComponent(cursor)}`);
    expect(namesIn(second)).toEqual(["d"]);
    expect(second.headers.get("fly-next-cursor")).toBeNull();
    for (const query of ["limit=0", "limit=1001", "limit=x", "cursor=%25"]) {
      expect((await lister.call("GET", `/machines?${query}`)).status).toBe(400);
    }
  });

  it("reaches everything through short and empty pages", async () => {
    const short = await startQuick({ paging: { shortPages: true }, seed: 5 });
    for (let index = 0; index < 8; index++) {
      const metadata = { parity: index % 2 === 0 ? "even" : "odd" };
      await short.client.create(SLEEPER, { metadata }, { name: `m${index}`, skip_launch: true });
    }
    const sizes: number[] = [];
    const names: unknown[] = [];
    let cursor: string | null = "";
    for (let page = 0; page < 60 && cursor !== null; page++) {
      const reply: Reply = await short.client.call("GET", `/machines?limit=3&metadata.parity=even&cursor=${cursor}`);
      sizes.push(rows(reply).length);
      names.push(...namesIn(reply));
      cursor = reply.headers.get("fly-next-cursor");
    }
    expect(cursor).toBeNull();
    expect(names).toEqual(["m0", "m2", "m4", "m6"]);
    expect(sizes.slice(0, -1)).toContain(0);
    await short.emulator.close();
  });
});

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

describe("wait", () => {
  it("holds the line until the state is there", async () => {
    const slow = await startQuick({ latencies: { create: 150, start: 150 } });
    const id = idOf(await slow.client.create(SLEEPER));
    const began = Date.now();
    const reply = await slow.client.call("GET", `/machines/${id}/wait?state=started&timeout=20`);
    expect(reply.json).toMatchObject({ ok: true, state: "started" });
    expect(Date.now() - began).toBeGreaterThan(200);
    expect((await slow.client.call("GET", `/machines/${id}/wait?state=settled`)).status).toBe(200);
    await slow.emulator.close();
  });

  it("answers 408 when the state is not reached, and 400 for times that are not allowed", async () => {
    const id = idOf(await client.create(SLEEPER, {}, { skip_launch: true }));
    const late = await client.call("GET", `/machines/${id}/wait?state=started&timeout=1`);
    expect([late.status, late.json.error]).toEqual([
      408,
      "deadline_exceeded: machine failed to reach desired state, started, currently created",
    ]);
    for (const query of ["timeout=61", "timeout=0", "timeout=soon", "state=happy"]) {
      expect((await client.call("GET", `/machines/${id}/wait?${query}`)).status).toBe(400);
    }
  });

  it("waits for one version, and finds an earlier one replaced", async () => {
    const id = await client.started(SLEEPER);
    const old = textOf((await client.call("GET", `/machines/${id}`)).json.instance_id);
    expect((await client.call("GET", `/machines/${id}/wait?instance_id=${old}&timeout=1`)).status).toBe(200);
    await client.call("POST", `/machines/${id}`, { config: { image: SLEEPER } });
    const late = await client.call("GET", `/machines/${id}/wait?instance_id=${old}&timeout=1`);
    expect([late.status, textOf(late.json.error).endsWith("currently replaced")]).toEqual([408, true]);
    expect((await client.call("GET", `/machines/${id}/wait?instance_id=none&timeout=1`)).status).toBe(404);
  });

  it("ends with the emulator", async () => {
    const short = await startQuick();
    const id = idOf(await short.client.create(SLEEPER, {}, { skip_launch: true }));
    const waiting = short.client.call("GET", `/machines/${id}/wait?timeout=60`).catch(() => "dropped");
    await sleep(50);
    await short.emulator.close();
    expect(await waiting).toBe("dropped");
  });
});

describe("exec", () => {
  it("runs in the machine's directory with its environment, and reports what happened", async () => {
    const id = await client.started(SLEEPER, { env: { GREETING: "hello" } });
    const run = async (body: JsonObject): Promise<Reply> => client.call("POST", `/machines/${id}/exec`, body);
    const done = await run({ command: ["sh", "-c", 'echo "$GREETING"; pwd; cat; echo no >&2; exit 3'], stdin: "in\n" });
    expect([done.status, done.json.exit_code, done.json.stderr]).toEqual([200, 3, "no\n"]);
    const root = emulator.machine(id)?.rootDirectory ?? "";
    expect(textOf(done.json.stdout).split("\n")).toEqual(["hello", expect.stringContaining(root), "in", ""]);
    expect((await run({ cmd: "exit 4" })).json.exit_code).toBe(4);
    expect((await run({ command: ["/no/such/command"] })).json.exit_code).toBe(127);
    expect((await run({ command: [] })).status).toBe(400);
    expect((await run({ command: ["sleep", "30"], timeout: 1 })).status).toBe(408);
    await client.call("POST", `/machines/${id}/stop`, {});
    await client.reaches(id, "stopped");
    expect((await run({ command: ["true"] })).status).toBe(412);
  });
});

describe("rate limits", () => {
  it("are on unless told otherwise, and count by machine and by app", async () => {
    const { QUICK } = await import("../testing/harness.js");
    const { rateLimits: _off, ...limited } = QUICK;
    const { startFlyEmulator } = await import("../index.js");
    const strict = await startFlyEmulator({ ...limited, rateLimits: { retryAfterHeader: true } });
    const strictClient = new TestClient(strict);
    const statuses = async (count: number, path: string): Promise<number[]> =>
      (await Promise.all(Array.from({ length: count }, () => strictClient.call("GET", path)))).map((r) => r.status);
    expect((await statuses(5, "/machines")).filter((status) => status === 200)).toHaveLength(3);
    expect((await statuses(14, "/machines/0123456789abcd")).filter((status) => status === 404)).toHaveLength(10);
    const refused = await strictClient.call("GET", "/machines");
    expect([refused.status, refused.json.error, refused.headers.get("retry-after")]).toEqual([
      429,
      "resource_exhausted: rate limit exceeded",
      "1",
    ]);
    await strict.close();
  });
});

describe("the recorder", () => {
  it("keeps bodies and forgets the token", async () => {
    emulator.recorder.clear();
    const id = idOf(await client.create(SLEEPER, {}, { skip_launch: true, name: "recorded" }));
    await client.call("GET", `/machines/${id}?x=1`);
    const [create, get] = emulator.recorder.all();
    expect(create).toMatchObject({
      method: "POST",
      template: "/apps/{app_name}/machines",
      action: "machine_create",
      requestBody: { name: "recorded", config: { image: SLEEPER }, skip_launch: true },
      httpStatus: 200,
      responseBody: { id, state: "created" },
    });
    expect(get).toMatchObject({ path: `/apps/test-app/machines/${id}`, query: [["x", "1"]], requestBody: undefined });
    expect(JSON.stringify(emulator.recorder.all())).not.toContain(emulator.token);
  });
});

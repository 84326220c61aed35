/** Who may ask, what is unique, how often one may ask, and what is remembered of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startFlyEmulator, type FlyEmulator } from "../index.js";
import { isJsonObject, type JsonObject } from "../model/json.js";
import { idOf, QUICK, startQuick, TestClient, until, type Reply } from "../testing/harness.js";

const SLEEPER = "registry.fly.io/sleeper";
let emulator: FlyEmulator;
let client: TestClient;

beforeAll(async () => {
  ({ emulator, client } = await startQuick());
});

afterAll(() => emulator.close());

const rows = (reply: Reply): JsonObject[] => (Array.isArray(reply.body) ? reply.body.filter(isJsonObject) : []);

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

describe("rate limits", () => {
  it("are on unless told otherwise, and count by machine and by app", async () => {
    const { rateLimits: _off, ...limited } = QUICK;
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

/** Lists: filters, and pages that end only where the cursor does. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlyEmulator } from "../index.js";
import { isJsonObject, type JsonObject } from "../model/json.js";
import { idOf, startQuick, TestClient, type Reply } from "../testing/harness.js";

const SLEEPER = "registry.fly.io/sleeper";
let emulator: FlyEmulator;

beforeAll(async () => {
  ({ emulator } = await startQuick());
});

afterAll(() => emulator.close());

const rows = (reply: Reply): JsonObject[] => (Array.isArray(reply.body) ? reply.body.filter(isJsonObject) : []);
const namesIn = (reply: Reply): unknown[] => rows(reply).map((row) => row.name);

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

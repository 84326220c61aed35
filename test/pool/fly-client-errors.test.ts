/** The Fly client when things go wrong, over real HTTP: what each refusal means, and that it waits for no answer for ever. */
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { flyProvider } from "../../src/component/providers/fly/client.js";
import type { ProviderError, Provider } from "../../src/component/providers/provider.js";
import { json, startApiServer, type ApiServer } from "./api-server.js";
import { errorOf, SPEC, TOKEN } from "./fly-client-cases.js";

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
afterEach(() => {
  vi.useRealTimers();
});

describe("what it makes of a refusal", () => {
  type Case = [status: number, body: unknown, onChange: string, onLook: string];
  it.each<Case>([
    [400, { error: "invalid_argument: bad image" }, "rejected", "rejected"],
    [400, { error: "no capacity available in fra" }, "no_capacity", "no_capacity"],
    [401, { error: "unauthorized" }, "unauthorized", "unauthorized"],
    [403, { error: "over quota" }, "unauthorized", "unauthorized"],
    [404, { error: "app not found" }, "not_found", "not_found"],
    [408, { error: "deadline_exceeded", status: "unknown" }, "ambiguous", "busy"],
    [
      409,
      { error: 'already_exists: unique machine name violation, machine ID 9e3 already exists with name "x"' },
      "name_taken",
      "name_taken",
    ],
    [409, { error: "taken", status: "name_taken" }, "name_taken", "name_taken"],
    [409, { error: "could not reserve resource for machine: insufficient memory" }, "no_capacity", "no_capacity"],
    [409, { error: "lease currently held by x" }, "busy", "busy"],
    [412, { error: "machine metadata version mismatch" }, "busy", "busy"],
    [412, { error: "insufficient resources to create new machine with existing volume" }, "no_capacity", "no_capacity"],
    [412, { error: "x", status: "volume_placement_capacity" }, "no_capacity", "no_capacity"],
    [422, { error: "x", status: "insufficient_capacity" }, "no_capacity", "no_capacity"],
    [422, { error: "validation failed" }, "rejected", "rejected"],
    [429, { error: "resource_exhausted: rate limit exceeded" }, "busy", "busy"],
    [500, { error: "internal" }, "ambiguous", "busy"],
    [502, "Bad gateway", "ambiguous", "busy"],
    [503, null, "ambiguous", "busy"],
    [504, { message: "timeout" }, "ambiguous", "busy"],
    [599, [], "ambiguous", "busy"],
    [418, { error: 7 }, "rejected", "rejected"],
  ])("%i %j", async (status, body, onChange, onLook) => {
    server.answer(json(status, body, { "fly-request-id": "req-1" }));
    const change = await errorOf(provider.createMachine(SPEC));
    expect(change).toMatchObject({ kind: onChange, details: { status, requestId: "req-1" } });
    expect(change.message).toMatch(new RegExp(`^POST /apps/my-app/machines was answered ${status}`));
    expect(await errorOf(provider.listMachines({}))).toMatchObject({ kind: onLook });
  });

  it("keeps the id of the machine that has the name", async () => {
    const error =
      'already_exists: unique machine name violation, machine ID 91852ed6be7718 already exists with name "w"';
    server.answer(json(409, { error }));
    expect((await errorOf(provider.createMachine(SPEC))).details.machineId).toBe("91852ed6be7718");
  });

  it.each<[string, number | undefined]>([
    ["7", 7_000],
    ["0", 0],
    ["soon", undefined],
    ["-3", undefined],
    ["", undefined],
  ])("reads Retry-After %j as %s ms", async (header, ms) => {
    server.answer(json(429, {}, { "retry-after": header }));
    expect((await errorOf(provider.listMachines({}))).details.retryAfterMs).toBe(ms);
  });

  it("reads a date in Retry-After", async () => {
    server.answer(json(429, {}, { "retry-after": new Date(Date.now() + 60_000).toUTCString() }));
    const { retryAfterMs = 0 } = (await errorOf(provider.listMachines({}))).details;
    expect(retryAfterMs).toBeGreaterThan(30_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
  });

  it("never repeats the token, even when the server does, and keeps long answers short", async () => {
    server.answer((asked, response) => {
      // Also where a shortened message would cut the token in two.
      const sent = String(asked.headers.authorization);
      const error = `you sent ${sent} ${"x".repeat(300 - 2 * sent.length)} ${sent} ${"x".repeat(5_000)}`;
      response.writeHead(401, { "fly-request-id": "r" }).end(JSON.stringify({ error }));
    });
    for (const call of [provider.createMachine(SPEC), provider.listMachines({}), provider.destroyMachine("m")]) {
      const error = await errorOf(call);
      expect(inspect(error, { depth: 10 }) + JSON.stringify(error)).not.toContain("canary");
      expect(error.message.length).toBeLessThan(500);
    }
  });

  it("repeats no part of a token that is a list, and nothing of a machine's files", async () => {
    const [first, second] = ["fm2_first-of-the-canaries", "fm2_second-of-the-canaries"];
    const credential = "credential-of-a-canary";
    const listed = flyProvider({ baseUrl: server.url, appName: "my-app", token: `FlyV1 ${first},${second}` });
    server.answer((asked, response) => {
      const sent = JSON.stringify(asked.body);
      response
        .writeHead(400)
        .end(JSON.stringify({ error: `bad token ${second}; bad config ${sent.slice(-200)} ${first}` }));
    });
    const error = await errorOf(listed.createMachine({ ...SPEC, files: { "/run/credential": credential } }));
    expect(error.message).toContain("bad token [token]; bad config");
    expect(error.message).toContain('"raw_value":"[token]"');
    expect(error.message).not.toMatch(/canar/);
  });
});

describe("what it makes of silence", () => {
  /** Real sockets, and a clock that only the client sees. */
  async function afterSilence(call: Promise<unknown>, ms: number): Promise<ProviderError> {
    const failed = errorOf(call);
    await vi.waitFor(() => {
      expect(server.asked).toHaveLength(1);
    });
    await vi.advanceTimersByTimeAsync(ms);
    return await failed;
  }
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });

  it("a create that is not answered may have happened", async () => {
    server.answer(() => undefined);
    const error = await afterSilence(provider.createMachine(SPEC), 30_000);
    expect(error).toMatchObject({ kind: "ambiguous", details: { status: 0 } });
    expect(error.message).toBe("POST /apps/my-app/machines got no answer within 30000 ms, or the connection broke.");
  });

  it("a look that is not answered is tried later", async () => {
    server.answer(() => undefined);
    expect(await afterSilence(provider.getMachine("m1"), 15_000)).toMatchObject({ kind: "busy" });
  });

  it("half an answer is none", async () => {
    server.answer((_asked, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      response.write('{"id": "m1", ');
    });
    expect(await afterSilence(provider.createMachine(SPEC), 30_000)).toMatchObject({ kind: "ambiguous" });
  });

  it("a wait is given the time it asked for, and a little more", async () => {
    server.answer(() => undefined);
    const waiting = provider.waitUntilStopped("m1", 10);
    await vi.waitFor(() => {
      expect(server.asked).toHaveLength(1);
    });
    await vi.advanceTimersByTimeAsync(14_000);
    let isOver = false;
    void waiting.then(() => (isOver = true));
    expect(isOver).toBe(false);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await waiting).toBe(false);
  });
});

describe("what it makes of a broken connection", () => {
  it("cut off in the middle, or nobody there", async () => {
    server.answer((_asked, response) => void response.destroy());
    expect(await errorOf(provider.createMachine(SPEC))).toMatchObject({ kind: "ambiguous", details: { status: 0 } });
    expect(await errorOf(provider.listMachines({}))).toMatchObject({ kind: "busy" });
    const nobody = flyProvider({ baseUrl: "http://127.0.0.1:9", appName: "a", token: TOKEN });
    expect(await errorOf(nobody.destroyMachine("m1"))).toMatchObject({ kind: "ambiguous" });
    expect(await errorOf(nobody.getMachine("m1"))).toMatchObject({ kind: "busy" });
  });
});

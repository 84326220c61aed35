/** The HTTP API as the stock client and plain callers use it. */
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConvexHttpClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { startCounterBackend, type CounterBackend } from "../testing/start-counter-backend.js";

let backend: CounterBackend;
beforeAll(async () => {
  backend = await startCounterBackend();
});
afterAll(async () => {
  await backend.close();
});

const get = makeFunctionReference<"query", { name: string }, number>("counters:get");
const add = makeFunctionReference<"mutation", { name: string; amount?: number }, number>("counters:add");
const fail = makeFunctionReference<"mutation", Record<string, never>, null>("counters:fail");
const echo = makeFunctionReference<"action", { value: unknown }, unknown>("counters:echo");

async function call(
  path: string,
  body?: unknown,
  init: RequestInit = {},
): Promise<{ status: number; body: unknown; headers: Headers }> {
  const response = await fetch(`${backend.cloudUrl}${path}`, {
    method: "POST",
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...init,
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json") === true;
  return { status: response.status, body: isJson ? JSON.parse(text) : text, headers: response.headers };
}
const admin = () => ({ headers: { authorization: `Convex ${backend.adminKey}` } });

// vitest gives these the type any.
const anything = (type: unknown): unknown => expect.any(type);
const matching = (pattern: RegExp): unknown => expect.stringMatching(pattern);

describe("ConvexHttpClient", () => {
  it("queries, mutates and acts, with values of every type", async () => {
    const client = backend.httpClient();
    expect(await client.mutation(add, { name: "http", amount: 2 })).toBe(2);
    expect(await client.query(get, { name: "http" })).toBe(2);
    const value = { big: 2n ** 40n, bytes: new Uint8Array([1, 2]).buffer, nan: NaN, list: [null, true, "ü"] };
    expect(await client.action(echo, { value })).toEqual(value);
  });

  it("gets a failure's message and data", async () => {
    await expect(backend.httpClient().mutation(fail, {})).rejects.toMatchObject({ data: { reason: "purpose" } });
    await expect(backend.httpClient().query(makeFunctionReference<"query">("no:such"), {})).rejects.toThrow(
      /Could not find public function/,
    );
    await expect(backend.httpClient().query(makeFunctionReference<"query">("counters:add"), {})).rejects.toThrow(
      /Could not find/,
    );
  });

  it("is told when its token is no good", async () => {
    const client = new ConvexHttpClient(backend.cloudUrl, { logger: false, auth: "bad" });
    await expect(client.query(get, { name: "http" })).rejects.toThrow(/not a JWT/);
  });

  it("reads several queries at one time, and is told when that time is gone", async () => {
    const client = backend.httpClient();
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- experimental, and yet what asks these endpoints
    const read = async (name: string) => await client.consistentQuery(get, { name });
    expect(await read("t1")).toBe(0);
    backend.engine.add("t2", 1);
    expect(await read("t1")).toBe(0);
    await expect(read("t2")).rejects.toThrow(/has changed since/);
  });
});

describe("plain HTTP callers", () => {
  it("may leave out lists and formats, use GET, and name functions by path", async () => {
    await call("/api/mutation", { path: "counters:add", args: { name: "plain" } });
    const success = { status: "success", value: 1, logLines: [] };
    expect((await call("/api/query", { path: "counters.js:get", args: [{ name: "plain" }] })).body).toEqual(success);
    const args = encodeURIComponent('{"name":"plain"}');
    expect((await call(`/api/query?path=counters:get&args=${args}`, undefined, { method: "GET" })).body).toEqual(
      success,
    );
    expect((await call("/api/run/counters/get", { args: { name: "plain" } })).body).toEqual(success);
    expect((await call("/api/function", { path: "counters:get", args: { name: "plain" } })).body).toEqual(success);
    const batch = await call("/api/query_batch", {
      queries: [1, 2].map(() => ({ path: "counters:get", args: { name: "plain" } })),
    });
    expect(batch.body).toEqual({ results: [success, success] });
  });

  it("get plain JSON when they ask for it", async () => {
    const value = { big: { $integer: "AQAAAAAAAAA=" }, list: [{ $bytes: "AQI=" }], inf: { $float: "AAAAAAAA8H8=" } };
    const { body } = await call("/api/action", { path: "counters:echo", args: { value }, format: "json" });
    expect(body).toEqual({ status: "success", value: { big: "1", list: ["AQI="], inf: "Infinity" }, logLines: [] });
    expect((await call("/api/action", { path: "counters:echo", args: { value } })).body).toMatchObject({ value });
  });

  it("see a function's failure as status 560", async () => {
    const { status, body } = await call("/api/mutation", { path: "counters:fail", args: {} });
    expect(status).toBe(560);
    expect(body).toEqual({
      status: "error",
      errorMessage: "It failed on purpose",
      errorData: { reason: "purpose" },
      logLines: [],
    });
  });

  const mistakes: [string, number, unknown][] = [
    ["/api/query", 400, "{"],
    ["/api/query", 400, "[1]"],
    ["/api/query", 400, { args: {} }],
    ["/api/query", 400, { path: 5, args: {} }],
    ["/api/query", 400, { path: "counters:get", args: [1] }],
    ["/api/query", 400, { path: "counters:get", args: [{}, {}] }],
    ["/api/query", 400, { path: "counters:get", args: {}, format: "xml" }],
    ["/api/query_at_ts", 400, { path: "counters:get", args: {}, ts: "soon" }],
    ["/api/query_batch", 400, { queries: Array.from({ length: 101 }, () => ({})) }],
    ["/api/run/counters", 400, {}],
    ["/api/run/%/x", 400, {}],
    ["/api/nowhere", 404, {}],
    ["/elsewhere", 404, {}],
  ];
  it.each(mistakes)("are told what is wrong with %s (%i)", async (path, status, body) => {
    const answer = await call(path, body);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ code: anything(String), message: matching(/\.$/) });
  });

  it("find out that the backend is there", async () => {
    for (const path of ["/", "/version", "/api/version", "/instance_name"]) {
      expect((await call(path, undefined, { method: "GET" })).status).toBe(200);
    }
  });
});

describe("pages of other origins", () => {
  it("may call, with the headers they ask for", async () => {
    const origin = "http://localhost:3000";
    const preflight = await call("/api/query", undefined, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-headers": "authorization,convex-client",
        "access-control-request-method": "POST",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe(origin);
    expect(preflight.headers.get("access-control-allow-headers")).toBe("authorization,convex-client");
    const answer = await call("/api/query", "{", { headers: { origin } });
    expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
  });
});

describe("administration", () => {
  it("needs the admin key", async () => {
    for (const path of [
      "update_environment_variables",
      "check_admin_key",
      "run_test_function",
      "v1/update_environment_variables",
    ]) {
      expect((await call(`/api/${path}`, {})).status).toBe(403);
    }
    expect((await call("/api/list_environment_variables", undefined, { method: "GET" })).status).toBe(403);
    expect(
      (await call("/api/check_admin_key", {}, { headers: { authorization: `Convex ${"0".repeat(64)}` } })).status,
    ).toBe(401);
    expect((await call("/api/check_admin_key", {}, admin())).status).toBe(200);
    const system = { path: "_system/cli/tables", args: { paginationOpts: {} } };
    expect((await call("/api/query", system)).status).toBe(560);
    expect((await call("/api/query", system, admin())).status).toBe(200);
    const inner = { path: "inner:hello", componentPath: "inner", args: {} };
    expect((await call("/api/function", inner)).body).toMatchObject({
      errorMessage: matching(/admin key/),
    });
    expect((await call("/api/function", inner, admin())).body).toMatchObject({ value: "hello from inside" });
  });

  it("changes all environment variables of a request, or none", async () => {
    const change = async (changes: unknown) => await call("/api/update_environment_variables", { changes }, admin());
    expect(
      (
        await change([
          { name: "ONE", value: "1" },
          { name: "TWO", value: "2" },
        ])
      ).status,
    ).toBe(200);
    expect(backend.engine.env.list()).toEqual({ ONE: "1", TWO: "2" });
    for (const bad of [
      { name: "1BAD", value: "x" },
      { name: "A".repeat(41), value: "x" },
      { name: "CONVEX_SITE_URL", value: "x" },
      { name: "LARGE", value: "x".repeat(9_000) },
      { name: "NUMBER", value: 5 },
      "nothing",
    ]) {
      const answer = await change([{ name: "THREE", value: "3" }, bad]);
      expect(answer.status).toBe(400);
    }
    expect((await change(Array.from({ length: 99 }, (_, index) => ({ name: `V${index}`, value: "" })))).status).toBe(
      400,
    );
    expect(backend.engine.env.list()).toEqual({ ONE: "1", TWO: "2" });
    const list = await call("/api/list_environment_variables", undefined, { method: "GET", ...admin() });
    expect(list.body).toEqual({ environmentVariables: { ONE: "1", TWO: "2" } });
    expect((await change([{ name: "ONE", value: null }, { name: "TWO" }])).status).toBe(200);
    expect(backend.engine.env.list()).toEqual({});
  });
});

describe("bounds", () => {
  it("refuses bodies that are too large, announced or not", async () => {
    const large = `"${"x".repeat(17 * 1024 * 1024)}"`;
    expect((await call("/api/query", large)).status).toBe(413);
    const request = httpRequest(`${backend.cloudUrl}/api/query`, { method: "POST" });
    request.on("error", () => undefined);
    for (let sent = 0; sent < 17; sent++) request.write("x".repeat(1024 * 1024));
    const [response] = (await once(request, "response")) as [{ statusCode: number }];
    expect(response.statusCode).toBe(413);
    request.destroy();
    // Just below the limit is fine.
    const args = { value: "x".repeat(15 * 1024 * 1024) };
    expect((await call("/api/action", { path: "counters:echo", args })).status).toBe(200);
  });

  it("answers only to this machine's names", async () => {
    const port = new URL(backend.cloudUrl).port;
    const statusFor = async (host: string) => {
      const socket = connect(Number(port), "127.0.0.1");
      socket.write(`GET /version HTTP/1.1\r\n${host === "" ? "" : `Host: ${host}\r\n`}Connection: close\r\n\r\n`);
      const [data] = (await once(socket, "data")) as [Buffer];
      socket.destroy();
      return data.toString().split(" ")[1];
    };
    for (const host of ["localhost", `localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, "LOCALHOST:1"]) {
      expect(await statusFor(host)).toBe("200");
    }
    for (const host of [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1.evil.example",
      "localhost.evil.example",
      "10.0.0.1",
      "[::2]",
    ]) {
      expect(await statusFor(host)).toBe("403");
    }
    expect(await statusFor("")).toBe("400");
  });
});

/** Calls through a bridge, over real HTTP: what is sent, and what becomes of every kind of answer. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import {
  executeBridgeFunction,
  maybeExecuteBridgeToolCall,
  type ResolvedBridgeRuntimeConfig,
} from "../../src/client/index.js";

const KEY = "sk-canary-0123456789";
const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  }
});

type Received = { method: string; url: string; headers: IncomingMessage["headers"]; body: string };

async function startBridge(answer: (response: ServerResponse) => void) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      received.push({ method, url, headers, body });
      answer(response);
    });
  });
  servers.push(server);
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("The server has no port.");
  const baseUrl = `http://127.0.0.1:${address.port}`;
  const config: ResolvedBridgeRuntimeConfig = {
    baseUrl,
    serviceId: "service",
    serviceKey: KEY,
    appKey: "crm",
    appBaseUrls: {},
  };
  return { config, received };
}

const answering = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  startBridge((response) =>
    response.writeHead(status, headers).end(typeof body === "string" ? body : JSON.stringify(body)),
  );

const call = { functionKey: "cart.total", args: { cartId: "c1" } };

describe("a call", () => {
  it("is a POST with who calls, what, and for which app", async () => {
    const { config, received } = await answering(200, { success: true, result: { total: 7 } });
    const result = await executeBridgeFunction({ ...call, config: { ...config, baseUrl: `${config.baseUrl}/` } });
    expect(result).toEqual({ success: true, result: { total: 7 } });
    expect(received).toMatchObject([
      {
        method: "POST",
        url: "/agent/execute",
        headers: {
          "content-type": "application/json",
          "x-agent-service-id": "service",
          "x-agent-service-key": KEY,
          "x-agent-app": "crm",
        },
      },
    ]);
    expect(received[0]?.headers.authorization).toBeUndefined();
    expect(JSON.parse(received[0]?.body ?? "")).toEqual(call);
  });

  it("goes to the app it names, with the user's token, and nowhere when that app is unknown", async () => {
    const main = await answering(200, { success: true, result: "main" });
    const billing = await answering(200, { success: true, result: "billing" });
    const config = { ...main.config, appBaseUrls: { billing: billing.config.baseUrl } };
    const result = await executeBridgeFunction({ ...call, config, appKey: "billing", userToken: "jwt" });
    expect(result).toEqual({ success: true, result: "billing" });
    expect(billing.received[0]?.headers).toMatchObject({ "x-agent-app": "billing", authorization: "Bearer jwt" });
    for (const appKey of ["warehouse", "toString", "__proto__"]) {
      const refused = await executeBridgeFunction({ ...call, config, appKey });
      expect(refused).toMatchObject({ success: false, kind: "invalid_call", mayHaveRun: false });
    }
    expect(main.received).toEqual([]);
  });

  it("is made for tools of the bridge only", async () => {
    const { config, received } = await answering(200, { success: true, result: 1 });
    expect(await maybeExecuteBridgeToolCall({ config, toolName: "read", args: {} })).toBeNull();
    expect(received).toEqual([]);
    const result = await maybeExecuteBridgeToolCall({ config, toolName: "agent-bridge__cart__total", args: {} });
    expect(result).toEqual({ success: true, result: 1 });
  });

  it("is not made for what is no function's key, or arguments that are no JSON", async () => {
    const { config, received } = await answering(200, { success: true, result: 1 });
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(await executeBridgeFunction({ ...call, config, functionKey: "../admin" })).toMatchObject({
      kind: "invalid_call",
    });
    expect(await executeBridgeFunction({ ...call, config, args: circle })).toMatchObject({ kind: "invalid_call" });
    const torn = { ...config, serviceKey: `${KEY}\nX-Agent-App: other` };
    const refused = await executeBridgeFunction({ ...call, config: torn });
    expect(refused).toMatchObject({ kind: "invalid_call", mayHaveRun: false });
    expect(JSON.stringify(refused)).not.toContain(KEY);
    expect(received).toEqual([]);
  });

  it("has a time limit, whatever number it is given", async () => {
    const { config } = await answering(200, { success: true, result: 1 });
    for (const timeoutMs of [Number.POSITIVE_INFINITY, 1e12, 2_500.5]) {
      expect(await executeBridgeFunction({ ...call, config, timeoutMs })).toMatchObject({ success: true });
    }
    const silent = await startBridge(() => {});
    for (const timeoutMs of [-1, Number.NaN, 0]) {
      expect(await executeBridgeFunction({ ...call, config: silent.config, timeoutMs })).toMatchObject({
        kind: "timeout",
      });
    }
  });
});

describe("an answer", () => {
  it.each([
    [401, { success: false, error: "no" }, "unauthorized", false],
    [403, {}, "forbidden", false],
    [404, "<html>", "not_found", false],
    [429, { success: false, error: "slow down" }, "rate_limited", false],
    [500, { success: false, error: "boom" }, "failed", true],
    [200, { success: false, error: "no such cart" }, "failed", true],
    [200, "not json", "invalid_answer", true],
    [200, [], "invalid_answer", true],
    [502, "<html>", "invalid_answer", true],
    [500, { success: true, result: 1 }, "invalid_answer", true],
  ])("with status %i and body %j is %s", async (status, body, kind, mayHaveRun) => {
    const { config } = await answering(status, body);
    const result = await executeBridgeFunction({ ...call, config });
    expect(result).toMatchObject({ success: false, kind, status, mayHaveRun, retryAfterMs: null });
  });

  it("says how long to wait", async () => {
    const { config } = await answering(429, {}, { "Retry-After": "7" });
    expect(await executeBridgeFunction({ ...call, config })).toMatchObject({ retryAfterMs: 7_000 });
  });

  it("that quotes the key is cleaned", async () => {
    const { config } = await answering(401, { success: false, error: `Bad key ${KEY}\n  for jwt-1` });
    const result = await executeBridgeFunction({ ...call, config, userToken: "jwt-1" });
    expect(result).toMatchObject({ error: "Bad key [redacted] for [redacted]" });
  });

  it("that succeeds and quotes the key is cleaned too, for a result goes into a model", async () => {
    const key = `${KEY}"\\`;
    const { config } = await answering(200, {
      success: true,
      result: { headers: [`key ${key}`, "jwt-1234"], total: 7 },
    });
    const result = await executeBridgeFunction({
      ...call,
      config: { ...config, serviceKey: key },
      userToken: "jwt-1234",
    });
    expect(result).toEqual({ success: true, result: { headers: ["key [redacted]", "[redacted]"], total: 7 } });
  });

  it("that points elsewhere is not followed: the key stays here", async () => {
    const elsewhere = await answering(200, { success: true, result: "stolen" });
    const { config } = await answering(307, "", { Location: elsewhere.config.baseUrl });
    expect(await executeBridgeFunction({ ...call, config })).toMatchObject({ success: false, kind: "invalid_answer" });
    expect(elsewhere.received).toEqual([]);
  });

  it("that is too large is not read", async () => {
    const { config } = await answering(200, { success: true, result: "x".repeat(1024 * 1024) });
    expect(await executeBridgeFunction({ ...call, config })).toMatchObject({
      kind: "invalid_answer",
      mayHaveRun: true,
    });
  });

  it("that breaks off, never comes, or is waited for no longer, may all the same have been a run", async () => {
    const broken = await startBridge((response) => {
      response.writeHead(200, { "Content-Length": "100" }).write("{");
      response.destroy();
    });
    expect(await executeBridgeFunction({ ...call, config: broken.config })).toMatchObject({
      kind: "unreachable",
      mayHaveRun: true,
    });
    const silent = await startBridge(() => {});
    const timedOut = await executeBridgeFunction({ ...call, config: silent.config, timeoutMs: 100 });
    expect(timedOut).toMatchObject({ kind: "timeout", mayHaveRun: true, status: null });
    const aborting = new AbortController();
    const aborted = executeBridgeFunction({ ...call, config: silent.config, signal: aborting.signal });
    aborting.abort();
    expect(await aborted).toMatchObject({ kind: "aborted" });
  });
});

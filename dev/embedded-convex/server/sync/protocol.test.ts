/** The sync protocol frame by frame: versions, malformed messages, authentication, limits. */
import { once } from "node:events";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { eventually } from "../testing/eventually.js";
import { connectRawClient, type RawClient } from "../testing/raw-client.js";
import { startCounterBackend, type CounterBackend } from "../testing/start-counter-backend.js";
import { decodeTimestamp } from "./timestamps.js";

let backend: CounterBackend;
const clients: RawClient[] = [];
beforeEach(async () => {
  backend = await startCounterBackend();
});
afterEach(async () => {
  for (const { socket } of clients.splice(0)) socket.terminate();
  await backend.close();
});

async function connect(): Promise<RawClient> {
  const client = await connectRawClient(backend.cloudUrl);
  clients.push(client);
  return client;
}

const watchA = { type: "Add", queryId: 0, udfPath: "counters:get", args: [{ name: "a" }] };
const modify = (baseVersion: number, ...modifications: object[]) => ({
  type: "ModifyQuerySet",
  baseVersion,
  newVersion: baseVersion + 1,
  modifications,
});

describe("versions", () => {
  it("continue each other, from zero", async () => {
    const client = await connect();
    client.send(modify(0, watchA));
    await client.received("Transition");
    client.send({ type: "Authenticate", tokenType: "None", baseVersion: 0 });
    await client.received("Transition", 2);
    client.send(modify(1, { type: "Remove", queryId: 0 }));
    const transitions = await client.received("Transition", 3);
    expect(transitions[0]).toMatchObject({
      startVersion: { querySet: 0, identity: 0, ts: "AAAAAAAAAAA=" },
      endVersion: { querySet: 1, identity: 0 },
      modifications: [{ type: "QueryUpdated", queryId: 0, value: 0, logLines: [], journal: null }],
    });
    expect(transitions[1]).toMatchObject({ endVersion: { querySet: 1, identity: 1 }, modifications: [] });
    expect(transitions[2]).toMatchObject({
      endVersion: { querySet: 2, identity: 1 },
      modifications: [{ type: "QueryRemoved", queryId: 0 }],
    });
    expect(transitions.slice(1).map(({ startVersion }) => startVersion)).toEqual(
      transitions.slice(0, -1).map(({ endVersion }) => endVersion),
    );
  });

  it("never go back for a client that has seen a later time", async () => {
    const client = await connect();
    const future = Buffer.alloc(8);
    future.writeBigUInt64LE(backend.engine.latestTs() + 10n ** 18n);
    client.send({
      type: "Connect",
      sessionId: crypto.randomUUID(),
      maxObservedTimestamp: future.toString("base64"),
      connectionCount: 1,
      lastCloseReason: null,
    });
    client.send(modify(0, watchA));
    const [first] = await client.received("Transition");
    const { ts } = first?.["endVersion"] as { ts: string };
    expect(decodeTimestamp(ts)).toBeGreaterThanOrEqual(future.readBigUInt64LE());
  });
});

describe("a client that breaks the protocol is told and cut off", () => {
  const cases: [string, object | string][] = [
    ["no JSON", "{"],
    ["no object", "[]"],
    ["an unknown type", { type: "Surprise" }],
    ["a missing field", { type: "Mutation", udfPath: "a:b", args: [] }],
    ["a field of the wrong type", { type: "ModifyQuerySet", baseVersion: "0", newVersion: 1, modifications: [] }],
    ["a query set out of order", modify(7, watchA)],
    ["a query id twice", modify(0, watchA, watchA)],
    ["the removal of an unknown query", modify(0, { type: "Remove", queryId: 9 })],
    ["an identity out of order", { type: "Authenticate", tokenType: "None", baseVersion: 3 }],
    ["several argument objects", { type: "Mutation", requestId: 0, udfPath: "a:b", args: [{}, {}] }],
    ["a very long path", { type: "Action", requestId: 0, udfPath: "a".repeat(2_000), args: [{}] }],
  ];
  it.each(cases)("for %s", async (_name, message) => {
    const client = await connect();
    client.send(message);
    const [error] = await client.received("FatalError");
    expect(error?.["error"]).toEqual(expect.stringMatching(/\.$/));
    await eventually(() => expect(client.closed).toEqual({ code: 1008, reason: "FatalError" }));
    expect(await backend.httpClient().query("counters:get" as never, { name: "a" } as never)).toBe(0);
  });

  it("for binary frames", async () => {
    const client = await connect();
    client.socket.send(Buffer.from([1, 2, 3]));
    await client.received("FatalError");
  });

  it("for frames beyond the size limit", async () => {
    const client = await connect();
    client.send("x".repeat(33 * 1024 * 1024));
    await eventually(() => expect(client.closed?.code).toBe(1009));
  });

  it("except that a call with too large arguments is just answered as failed", async () => {
    const client = await connect();
    const args = [{ name: "x".repeat(17 * 1024 * 1024) }];
    client.send({ type: "Mutation", requestId: 0, udfPath: "counters:add", args });
    client.send({ type: "Action", requestId: 1, udfPath: "counters:echo", args });
    expect((await client.received("MutationResponse"))[0]).toMatchObject({ success: false, requestId: 0 });
    expect((await client.received("ActionResponse"))[0]).toMatchObject({ success: false, requestId: 1 });
    client.send({ type: "Mutation", requestId: 2, udfPath: "counters:add", args: [{ name: "a" }] });
    expect((await client.received("MutationResponse", 2))[1]).toMatchObject({ success: true, result: 1 });
  });

  it("for too many mutations at once", async () => {
    const client = await connect();
    const mutation = (requestId: number, args: object) => ({
      type: "Mutation",
      requestId,
      udfPath: "counters:add",
      args: [args],
    });
    client.send(mutation(0, { name: "a", delayMs: 500 }));
    for (let requestId = 1; requestId <= 1_001; requestId++) client.send(mutation(requestId, { name: "a" }));
    await eventually(() => expect(client.closed?.code).toBe(1013));
    expect(client.closed?.reason).toMatch(/^TooManyConcurrentRequests/);
  });
});

describe("mutations of one session", () => {
  it("are run once per request id, for all connections of the session", async () => {
    const sessionId = crypto.randomUUID();
    const connections = [await connect(), await connect()];
    for (const client of connections) {
      client.send({ type: "Connect", sessionId, connectionCount: 0, lastCloseReason: null });
      client.send({ type: "Mutation", requestId: 1, udfPath: "counters:add", args: [{ name: "a", delayMs: 50 }] });
      client.send({ type: "Mutation", requestId: 1, udfPath: "counters:add", args: [{ name: "a", delayMs: 50 }] });
    }
    for (const client of connections) {
      const responses = await client.received("MutationResponse", 2);
      expect(responses.map(({ result }) => result)).toEqual([1, 1]);
      expect(responses[0]?.["ts"]).toBe(responses[1]?.["ts"]);
    }
    expect(backend.engine.runs.get("counters:add")).toBe(1);
  });

  it("are passed on under a name that the engine can keep", async () => {
    const keys: (string | undefined)[] = [];
    backend.engine.functionTable.set("counters:key", {
      kind: "mutation",
      isPublic: true,
      run: ({ call }) => {
        keys.push(call.requestKey);
        return null;
      },
    });
    const client = await connect();
    const sessionId = crypto.randomUUID();
    client.send({ type: "Connect", sessionId, connectionCount: 0, lastCloseReason: null });
    client.send({ type: "Mutation", requestId: 12, udfPath: "counters:key", args: [{}] });
    await client.received("MutationResponse");
    expect(keys).toEqual([`${sessionId}/12`]);
  });
});

describe("the endpoint", () => {
  it("splits large transitions for clients that say they can join them", async () => {
    const text = "x".repeat(6 * 1024 * 1024);
    backend.engine.functionTable.set("counters:large", { kind: "query", isPublic: true, run: () => text });
    for (const [version, type] of [
      ["1.28.0", "TransitionChunk"],
      ["1.27.9", "Transition"],
      ["rust-0.9.0", "Transition"],
    ] as const) {
      const client = await connectRawClient(backend.cloudUrl, version);
      clients.push(client);
      client.send(modify(0, { ...watchA, udfPath: "counters:large" }));
      await client.received(type);
    }
  });

  it("refuses other paths, and other hosts", async () => {
    const address = backend.cloudUrl.replace("http", "ws");
    const refused = async (url: string, headers: Record<string, string> = {}) => {
      const socket = new WebSocket(url, { headers });
      const [, response] = (await once(socket, "unexpected-response")) as [unknown, { statusCode: number }];
      socket.on("error", () => undefined);
      socket.terminate();
      return response.statusCode;
    };
    expect(await refused(`${address}/elsewhere`)).toBe(404);
    expect(await refused(`${address}/api/1.48.0/sync`, { host: "evil.example:80" })).toBe(403);
    expect(await refused(`${backend.siteUrl.replace("http", "ws")}/api/1.48.0/sync`)).toBe(426);
  });

  it("says goodbye when the backend stops", async () => {
    const client = await connect();
    await backend.close();
    await eventually(() => expect(client.closed?.code).toBe(1001));
  });
});

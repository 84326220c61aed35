/** Mutations and actions as the stock clients experience them, over sockets that break. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BaseConvexClient, type ConvexClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { recordingConstructor, startCounterBackend, type CounterBackend } from "../testing/start-counter-backend.js";
import { eventually } from "../testing/eventually.js";

const get = makeFunctionReference<"query", { name: string }, number>("counters:get");
const add = makeFunctionReference<"mutation", { name: string; amount?: number; delayMs?: number }, number>(
  "counters:add",
);
const noop = makeFunctionReference<"mutation", Record<string, never>, null>("counters:noop");
const fail = makeFunctionReference<"mutation", Record<string, never>, null>("counters:fail");
const echo = makeFunctionReference<"action", { value: unknown }, unknown>("counters:echo");

let backend: CounterBackend;
beforeEach(async () => {
  backend = await startCounterBackend();
});
afterEach(async () => {
  await backend.close();
});

/** Watches a query and keeps every value it gave. */
function watch(client: ConvexClient, name: string): number[] {
  const values: number[] = [];
  client.onUpdate(get, { name }, (value) => values.push(value));
  return values;
}

describe("mutations", () => {
  it("resolve only after their own transition", async () => {
    const { client } = backend.liveClient();
    const values = watch(client, "a");
    await eventually(() => expect(values).toEqual([0]));
    for (let expected = 1; expected <= 20; expected++) {
      await client.mutation(add, { name: "a" });
      expect(values.at(-1)).toBe(expected);
    }
  });

  it("resolve when they change nothing, and when nothing is watched", async () => {
    const { client } = backend.liveClient();
    expect(await client.mutation(noop, {})).toBeNull();
    expect(await client.mutation(add, { name: "a" })).toBe(1);
    expect(await client.mutation(noop, {})).toBeNull();
  });

  it("run in the order they were sent", async () => {
    const { client } = backend.liveClient();
    const results = await Promise.all([
      client.mutation(add, { name: "a", delayMs: 50 }),
      client.mutation(add, { name: "a", amount: 10 }),
      client.mutation(add, { name: "a", amount: 100 }),
    ]);
    expect(results).toEqual([1, 11, 111]);
  });

  it("fail with message and data, and let the next one through", async () => {
    const { client } = backend.liveClient();
    await expect(client.mutation(fail, {})).rejects.toMatchObject({ data: { reason: "purpose" } });
    await expect(client.mutation(fail, {})).rejects.toThrow(/It failed on purpose/);
    expect(await client.mutation(add, { name: "a" })).toBe(1);
  });

  it("never show an optimistic update on top of its own result", async () => {
    const { constructor } = recordingConstructor();
    const values: (number | undefined)[] = [];
    const client = new BaseConvexClient(backend.cloudUrl, () => values.push(read()), {
      webSocketConstructor: constructor,
      logger: false,
    });
    const read = () => client.localQueryResult("counters:get", { name: "a" }) as number | undefined;
    client.subscribe("counters:get", { name: "a" });
    await eventually(() => expect(values).toEqual([0]));
    for (let count = 1; count <= 10; count++) {
      await client.mutation(
        "counters:add",
        { name: "a", delayMs: 5 },
        {
          optimisticUpdate: (store) => {
            const current = store.getQuery(get, { name: "a" });
            store.setQuery(get, { name: "a" }, (current ?? 0) + 1);
          },
        },
      );
      expect(values.at(-1)).toBe(count);
    }
    // A transition before the answer would have shown one too many, a late one would have fallen back.
    const changes = values.filter((value, index) => value !== values[index - 1]);
    expect(changes).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    await client.close();
  });

  it("run once although the connection breaks while they run", async () => {
    const { client, sockets } = backend.liveClient();
    const values = watch(client, "a");
    await eventually(() => expect(values).toEqual([0]));
    const results = [
      client.mutation(add, { name: "a", delayMs: 300 }),
      client.mutation(add, { name: "a", amount: 10 }),
      client.mutation(add, { name: "a", amount: 100 }),
    ];
    await eventually(() => expect(backend.engine.runs.get("counters:add")).toBe(1));
    sockets.at(-1)?.terminate();
    expect(await Promise.all(results)).toEqual([1, 11, 111]);
    expect(backend.engine.runs.get("counters:add")).toBe(3);
    expect(sockets.length).toBeGreaterThan(1);
    expect(values.at(-1)).toBe(111);
  });

  it("are answered again when only the answer was lost", async () => {
    const { client, sockets } = backend.liveClient();
    const values = watch(client, "a");
    await eventually(() => expect(values).toEqual([0]));
    // From here on the client hears nothing, so the commit happens and its answer never arrives.
    const first = sockets.at(-1);
    first?.removeAllListeners("message");
    const result = client.mutation(add, { name: "a" });
    await eventually(() => expect(backend.engine.runs.get("counters:add")).toBe(1));
    first?.terminate();
    expect(await result).toBe(1);
    expect(sockets).toHaveLength(2);
    expect(backend.engine.runs.get("counters:add")).toBe(1);
    await eventually(() => expect(values.at(-1)).toBe(1));
  });
});

describe("actions", () => {
  it("answer, several at once", async () => {
    const { client } = backend.liveClient();
    const values = [null, 1, "two", { three: [3] }, true];
    expect(await Promise.all(values.map(async (value) => await client.action(echo, { value })))).toEqual(values);
  });

  it("fail, and are not repeated, when the connection breaks", async () => {
    let runs = 0;
    let finish = () => {};
    const running = new Promise<void>((resolve) => (finish = resolve));
    backend.engine.functionTable.set("counters:slow", {
      kind: "action",
      isPublic: true,
      run: async () => {
        runs++;
        await running;
        return "late";
      },
    });
    const { client, sockets } = backend.liveClient();
    const result = client.action(makeFunctionReference<"action">("counters:slow"), {});
    const outcome = expect(result).rejects.toThrow(/Connection lost/);
    await eventually(() => expect(runs).toBe(1));
    sockets.at(-1)?.terminate();
    await outcome;
    finish();
    expect(await client.action(echo, { value: 1 })).toBe(1);
    expect(runs).toBe(1);
  });
});

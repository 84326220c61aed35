/** Live queries as the stock clients experience them, over real sockets. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ConvexClient } from "convex/browser";
import { ConvexReactClient } from "convex/react";
import { makeFunctionReference } from "convex/server";
import { recordingConstructor, startCounterBackend, type CounterBackend } from "../testing/start-counter-backend.js";
import { eventually } from "../testing/eventually.js";

const get = makeFunctionReference<"query", { name: string }, number>("counters:get");
const list = makeFunctionReference<"query", Record<string, never>, string[]>("counters:list");
const add = makeFunctionReference<"mutation", { name: string; amount?: number; delayMs?: number }, number>(
  "counters:add",
);
const echo = makeFunctionReference<"action", { value: unknown }, unknown>("counters:echo");
const variable = makeFunctionReference<"query", { name: string }, string | null>("counters:variable");

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

describe("live queries", () => {
  it("show what another client changed", async () => {
    const values = watch(backend.liveClient().client, "a");
    await eventually(() => expect(values).toEqual([0]));
    await backend.liveClient().client.mutation(add, { name: "a", amount: 5 });
    await eventually(() => expect(values).toEqual([0, 5]));
    await backend.httpClient().mutation(add, { name: "a" });
    await eventually(() => expect(values).toEqual([0, 5, 6]));
    backend.engine.add("a", 1);
    await eventually(() => expect(values.at(-1)).toBe(7));
  });

  it("run again only when a commit affects them", async () => {
    const { client } = backend.liveClient();
    const a = watch(client, "a");
    const b = watch(client, "b");
    await eventually(() => expect([a, b]).toEqual([[0], [0]]));
    const before = backend.engine.runs.get("counters:get") ?? 0;
    for (let index = 0; index < 20; index++) backend.engine.add("c", 1);
    await client.mutation(add, { name: "a" });
    await eventually(() => expect(a).toEqual([0, 1]));
    expect((backend.engine.runs.get("counters:get") ?? 0) - before).toBe(1);
    expect(b).toEqual([0]);
  });

  it("run once for all clients that watch the same", async () => {
    const watching = Array.from({ length: 10 }, () => watch(backend.liveClient().client, "shared"));
    await eventually(() => expect(watching.every((values) => values.length === 1)).toBe(true));
    expect(backend.syncLoad()).toEqual({ sockets: 10, queries: 1 });
    expect(backend.engine.runs.get("counters:get")).toBe(1);
    backend.engine.add("shared", 3);
    await eventually(() => expect(watching.every((values) => values.at(-1) === 3)).toBe(true));
    expect(backend.engine.runs.get("counters:get")).toBe(2);
  });

  it("coalesce a burst of commits", async () => {
    const values = watch(backend.liveClient().client, "a");
    await eventually(() => expect(values).toEqual([0]));
    for (let index = 0; index < 500; index++) backend.engine.add("a", 1);
    await eventually(() => expect(values.at(-1)).toBe(500));
    expect(values.length).toBeLessThan(10);
  });

  it("are let go when nobody watches any more", async () => {
    const { client } = backend.liveClient();
    const stop = client.onUpdate(list, {}, () => undefined);
    await eventually(() => expect(backend.syncLoad().queries).toBe(1));
    stop();
    await eventually(() => expect(backend.syncLoad().queries).toBe(0));
    const { client: second } = backend.liveClient();
    watch(second, "a");
    await eventually(() => expect(backend.syncLoad().queries).toBe(1));
    await second.close();
    await eventually(() => expect(backend.syncLoad()).toEqual({ sockets: 1, queries: 0 }));
  });

  it("show an error, and recover from it", async () => {
    let isBroken = true;
    backend.engine.functionTable.set("counters:fragile", {
      kind: "query",
      isPublic: true,
      run: ({ read }) => {
        const value = read("a");
        if (isBroken) throw new Error("broken");
        return value;
      },
    });
    const { client } = backend.liveClient();
    const errors: string[] = [];
    const values: unknown[] = [];
    const fragile = makeFunctionReference<"query">("counters:fragile");
    client.onUpdate(
      fragile,
      {},
      (value) => values.push(value),
      (error) => errors.push(error.message),
    );
    await eventually(() => expect(errors).toHaveLength(1));
    expect(errors[0]).toContain("broken");
    isBroken = false;
    backend.engine.add("a", 1);
    await eventually(() => expect(values).toEqual([1]));
  });

  it("run again when an environment variable changes", async () => {
    const values: unknown[] = [];
    backend.liveClient().client.onUpdate(variable, { name: "COLOR" }, (value) => values.push(value));
    await eventually(() => expect(values).toEqual([null]));
    await backend.setEnv("COLOR", "red");
    await eventually(() => expect(values).toEqual([null, "red"]));
  });

  it("arrive split and whole when they are large", async () => {
    const text = "é😀".repeat(2_500_000);
    backend.engine.functionTable.set("counters:large", { kind: "query", isPublic: true, run: () => text });
    const { client } = backend.liveClient();
    expect((await client.query(makeFunctionReference<"query">("counters:large"), {})) === text).toBe(true);
  });
});

describe("reconnecting", () => {
  it("catches up on what was missed, without a gap", async () => {
    const { client, sockets } = backend.liveClient();
    const values = watch(client, "a");
    await eventually(() => expect(values).toEqual([0]));
    sockets.at(-1)?.terminate();
    backend.engine.add("a", 1);
    await eventually(() => expect(values.at(-1)).toBe(1));
    sockets.at(-1)?.terminate();
    await eventually(() => expect(sockets.length).toBe(3));
    backend.engine.add("a", 1);
    await eventually(() => expect(values.at(-1)).toBe(2));
    // Clients report the first result of every connection, so a value may be told twice; none may be missing, or go back.
    expect(values.filter((value, index) => value !== values[index - 1])).toEqual([0, 1, 2]);
  });
});

describe("ConvexReactClient", () => {
  it("watches, mutates and acts", async () => {
    const client = new ConvexReactClient(backend.cloudUrl, {
      webSocketConstructor: recordingConstructor().constructor,
      logger: false,
    });
    const watched = client.watchQuery(get, { name: "a" });
    const seen: (number | undefined)[] = [];
    const stop = watched.onUpdate(() => seen.push(watched.localQueryResult()));
    await eventually(() => expect(seen).toEqual([0]));
    const mutation = client.mutation(
      add,
      { name: "a", amount: 2 },
      { optimisticUpdate: (store) => store.setQuery(get, { name: "a" }, 2) },
    );
    expect(watched.localQueryResult()).toBe(2);
    expect(await mutation).toBe(2);
    expect(watched.localQueryResult()).toBe(2);
    expect(await client.action(echo, { value: "x" })).toBe("x");
    stop();
    await client.close();
  });
});

/** What every transition promises: all results of one moment, never back in time, whatever is committed meanwhile. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { BaseConvexClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { eventually } from "../testing/eventually.js";
import { recordingConstructor, startCounterBackend, type CounterBackend } from "../testing/start-counter-backend.js";

const move = makeFunctionReference<"mutation", Record<string, never>, number>("counters:move");

let backend: CounterBackend;
beforeEach(async () => {
  backend = await startCounterBackend();
  // Moves one from a to b, so that their sum stays 0 at every commit.
  backend.engine.functionTable.set("counters:move", {
    kind: "mutation",
    isPublic: true,
    run: ({ read, write }) => {
      write("a", read("a") - 1);
      write("b", read("b") + 1);
      return read("b");
    },
  });
});
afterEach(async () => {
  await backend.close();
});

function observer(): { client: BaseConvexClient; states: { a: number; b: number }[] } {
  const states: { a: number; b: number }[] = [];
  const client: BaseConvexClient = new BaseConvexClient(
    backend.cloudUrl,
    () => {
      const [a, b] = ["a", "b"].map((name) => client.localQueryResult("counters:get", { name }));
      if (typeof a === "number" && typeof b === "number") states.push({ a, b });
    },
    { webSocketConstructor: recordingConstructor().constructor, logger: false },
  );
  client.subscribe("counters:get", { name: "a" });
  client.subscribe("counters:get", { name: "b" });
  return { client, states };
}

describe("transitions", () => {
  it("show all queries at the same commit, in order, while several clients write", async () => {
    const observers = Array.from({ length: 3 }, observer);
    await eventually(() => expect(observers.every(({ states }) => states.length > 0)).toBe(true));
    const http = backend.httpClient();
    const writes: Promise<unknown>[] = [];
    for (let round = 0; round < 30; round++) {
      for (const { client } of observers) writes.push(client.mutation("counters:move", {}));
      writes.push(http.mutation(move, {}));
      await writes.at(-1);
    }
    await Promise.all(writes);
    await eventually(() => expect(observers.map(({ states }) => states.at(-1)?.b)).toEqual([120, 120, 120]));
    for (const { client, states } of observers) {
      expect(states.filter(({ a, b }) => a + b !== 0)).toEqual([]);
      expect(states.filter(({ b }, index) => b < (states[index - 1]?.b ?? 0))).toEqual([]);
      await client.close();
    }
  });

  it("go on while commits come faster than queries run", async () => {
    const { client, states } = observer();
    await eventually(() => expect(states).toHaveLength(1));
    const stop = new AbortController();
    const writing = (async () => {
      while (!stop.signal.aborted) {
        backend.engine.add("a", 1);
        await nextTurn();
      }
    })();
    await eventually(() => expect(states.length).toBeGreaterThan(10));
    expect(await client.mutation("counters:add", { name: "b" })).toBe(1);
    expect(states.at(-1)?.b).toBe(1);
    stop.abort();
    await writing;
    await client.close();
  });
});

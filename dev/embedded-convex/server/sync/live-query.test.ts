/** A live query against every order in which runs and commits can happen. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CallResult, Commit } from "../../engine/types.js";
import { LiveQuery } from "./live-query.js";

/** One number that commits change, and runs of the query that end when the test says so. */
class World {
  ts = 1n;
  value = 0;
  runs = 0;
  readonly pending: (() => void)[] = [];
  readonly query = new LiveQuery(
    {
      run: async () => {
        this.runs++;
        // What a run sees is decided when the engine begins it; its result arrives later.
        const seen = { ts: this.ts, value: this.value };
        await new Promise<void>((resolve) => this.pending.push(resolve));
        return this.result(seen.value, seen.ts);
      },
      isAffected: (_readSet, { writes }) => writes === "affects",
      latestTs: () => this.ts,
    },
    null,
  );

  result(value: number, ts: bigint): CallResult {
    return { success: true, kind: "query", value, logLines: [], readSet: "all", ts, journal: null };
  }

  commit(affects: boolean): void {
    this.ts += 1n;
    if (affects) this.value++;
    const commit: Commit = { ts: this.ts, writes: affects ? "affects" : "does not" };
    this.query.onCommit(commit);
  }

  async finishRun(): Promise<void> {
    this.pending.shift()?.();
    await settled();
  }

  valueOfQuery(): number | null {
    const fields = this.query.current?.outcome.fields;
    return fields === undefined ? null : (JSON.parse(`{${fields}}`) as { value: number }).value;
  }
}

const settled = async () => await new Promise((resolve) => setImmediate(resolve));

describe("a live query", () => {
  it("runs once for all who wait, and not at all while its result is true", async () => {
    const world = new World();
    const waits = [world.query.settle(1n), world.query.settle(1n)];
    await world.finishRun();
    await Promise.all(waits);
    world.commit(false);
    await world.query.settle(world.ts);
    expect([world.runs, world.query.current?.validThrough]).toEqual([1, world.ts]);
  });

  it("tells its watchers once per time that it goes out of date, also when that happens during its run", async () => {
    const world = new World();
    let told = 0;
    world.query.watch(() => told++);
    const first = world.query.settle(world.ts);
    world.commit(true);
    expect(told).toBe(0);
    await world.finishRun();
    await first;
    expect(told).toBe(1);
    world.commit(true);
    expect(told).toBe(1);
    const second = world.query.settle(world.ts);
    await world.finishRun();
    await second;
    expect(world.valueOfQuery()).toBe(2);
    world.commit(true);
    expect(told).toBe(2);
  });

  it("goes on telling a watcher that watched twice and let go once", () => {
    const world = new World();
    const onStale = () => undefined;
    const stop = world.query.watch(onStale);
    world.query.watch(onStale);
    stop();
    stop();
    expect(world.query.isWatched).toBe(true);
  });

  it("is out of date after more commits during one run than it can remember", async () => {
    const world = new World();
    const first = world.query.settle(world.ts);
    for (let count = 0; count < 1_000; count++) world.commit(count === 0);
    await world.finishRun();
    await first;
    expect(world.query.current?.validThrough).toBe(1n);
    const second = world.query.settle(world.ts);
    await world.finishRun();
    await second;
    expect(world.valueOfQuery()).toBe(1);
  });

  it("runs again when it is invalidated, also during its run", async () => {
    const world = new World();
    const first = world.query.settle(world.ts);
    world.query.invalidate();
    await world.finishRun();
    await first;
    for (const expectedRuns of [2, 3]) {
      const again = world.query.settle(world.ts);
      await settled();
      expect(world.runs).toBe(expectedRuns);
      await world.finishRun();
      await again;
      world.query.invalidate();
    }
  });

  it("never claims to be true at a time at which it is not", async () => {
    const step = fc.constantFrom("affecting commit", "other commit", "ask", "finish run");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const world = new World();
        /** The value after each commit. */
        const history = new Map<bigint, number>([[world.ts, 0]]);
        const waits: Promise<void>[] = [];
        for (const name of steps) {
          if (name === "affecting commit" || name === "other commit") world.commit(name === "affecting commit");
          else if (name === "ask") {
            const goal = world.ts;
            waits.push(
              world.query
                .settle(goal)
                .then(() => expect(world.query.current?.validThrough).toBeGreaterThanOrEqual(goal)),
            );
          } else await world.finishRun();
          history.set(world.ts, world.value);
          const current = world.query.current;
          if (current !== null) {
            for (let ts = current.outcome.ts; ts <= current.validThrough; ts++)
              expect(history.get(ts)).toBe(world.valueOfQuery());
          }
        }
        while (world.pending.length > 0) await world.finishRun();
        await Promise.all(waits);
      }),
      { numRuns: 200 },
    );
  });
});

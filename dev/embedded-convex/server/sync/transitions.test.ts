/** Transitions under a clock that the test holds: when runs end, when commits come, when a mutation's answer is sent. */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { CallResult, Commit } from "../../engine/types.js";
import { LiveQueries } from "./live-queries.js";
import { Transitions } from "./transitions.js";

/** Two numbers that commits change, queries for them that end when told, and everything that was sent. */
class Scene {
  ts = 1n;
  readonly values = { a: 0, b: 0 };
  readonly sent: unknown[] = [];
  readonly #runs: { path: string; finish: () => void }[] = [];
  readonly #listeners = new Set<(commit: Commit) => void>();
  readonly liveQueries = new LiveQueries(
    {
      latestTs: () => this.ts,
      onCommit: (listener) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    },
    {
      run: async ({ path }) => {
        await new Promise<void>((finish) => this.#runs.push({ path, finish }));
        const value = path === "a:default" || path === "a" ? this.values.a : this.values.b;
        const result: CallResult = {
          success: true,
          kind: "query",
          value,
          logLines: [],
          readSet: null,
          ts: this.ts,
          journal: null,
        };
        return result;
      },
      isAffected: () => true,
    },
  );
  readonly transitions = new Transitions(
    {
      ready: async () => undefined,
      sendTransition: (json) => {
        const { modifications } = JSON.parse(json) as { modifications: { queryId: number; value: number }[] };
        this.sent.push(Object.fromEntries(modifications.map(({ queryId, value }) => [["a", "b"][queryId], value])));
      },
    },
    this.liveQueries,
    (error) => this.sent.push(error),
  );

  constructor() {
    this.transitions.modifyQuerySet({
      type: "ModifyQuerySet",
      baseVersion: 0,
      newVersion: 1,
      modifications: ["a", "b"].map((udfPath, queryId) => ({
        type: "Add",
        queryId,
        udfPath,
        args: {},
        journal: null,
        componentPath: "",
      })),
    });
  }

  commit(a: number, b: number): void {
    this.ts += 1n;
    Object.assign(this.values, { a, b });
    for (const listener of this.#listeners) listener({ ts: this.ts, writes: null });
  }

  /** Lets all that can happen happen, then ends the oldest run of a query. */
  async finish(path: string): Promise<void> {
    await settled();
    const index = this.#runs.findIndex((run) => run.path === path);
    const [run] = this.#runs.splice(index, 1);
    if (index === -1 || run === undefined) throw new Error(`${path} is not running.`);
    run.finish();
    await settled();
  }

  async begin(): Promise<void> {
    await this.finish("a");
    await this.finish("b");
    expect(this.sent.splice(0)).toEqual([{ a: 0, b: 0 }]);
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await nextTurn();
}

describe("a transition", () => {
  it("waits until all results are of one moment", async () => {
    const scene = new Scene();
    await scene.finish("a");
    scene.commit(-1, 1);
    await scene.finish("b");
    // Now b knows of the commit and a does not.
    expect(scene.sent).toEqual([]);
    await scene.finish("a");
    expect(scene.sent).toEqual([{ a: -1, b: 1 }]);
  });

  it("is sent in the end although commits keep coming, with results that are at least as new as it says", async () => {
    const scene = new Scene();
    let rounds = 0;
    while (scene.sent.length === 0) {
      expect(++rounds).toBeLessThan(10);
      await scene.finish("a").catch(() => undefined);
      scene.commit(-rounds, rounds);
      await scene.finish("b").catch(() => undefined);
    }
    expect(rounds).toBeGreaterThan(1);
  });

  it("that shows what a mutation did comes behind its answer", async () => {
    const scene = new Scene();
    await scene.begin();
    let answer: () => void = () => undefined;
    const mutation = scene.transitions
      .whileMutationRuns(async () => {
        await new Promise<void>((resolve) => (answer = resolve));
      })
      .then(() => scene.sent.push("answer"));
    scene.commit(1, 1);
    await scene.finish("a");
    await scene.finish("b");
    expect(scene.sent).toEqual([]);
    answer();
    await mutation;
    await settled();
    expect(scene.sent).toEqual(["answer", { a: 1, b: 1 }]);
  });

  it("is not held up by a mutation for long, nor by one that has not committed at all", async () => {
    const scene = new Scene();
    await scene.begin();
    const forever = async () => await new Promise<never>(() => undefined);
    scene.commit(1, 1);
    void scene.transitions.whileMutationRuns(forever);
    await scene.finish("a");
    await scene.finish("b");
    expect(scene.sent.splice(0)).toEqual([{ a: 1, b: 1 }]);
    scene.commit(2, 2);
    await scene.finish("a");
    await scene.finish("b");
    expect(scene.sent).toEqual([]);
    await sleep(1_100);
    await settled();
    expect(scene.sent).toEqual([{ a: 2, b: 2 }]);
  });

  it("is not sent when nothing changed and nobody waits for it", async () => {
    const scene = new Scene();
    await scene.begin();
    scene.commit(0, 0);
    await scene.finish("a");
    await scene.finish("b");
    expect(scene.sent).toEqual([]);
    scene.transitions.owe(scene.ts);
    await settled();
    expect(scene.sent).toEqual([{}]);
  });

  it("is not sent any more after the socket is closed", async () => {
    const scene = new Scene();
    await scene.finish("a");
    scene.transitions.close();
    await scene.finish("b");
    expect(scene.sent).toEqual([]);
    expect(scene.liveQueries.size).toBe(0);
  });
});

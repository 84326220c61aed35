/** The engine's reads and writes against those of plain convex-test, on random transactions. */
import fc from "fast-check";
import { fileURLToPath } from "node:url";
import { makeFunctionReference } from "convex/server";
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { convexTest } from "convex-test";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import * as operationsModule from "../fixtures/operations-app/convex/operations.js";
import schema from "../fixtures/operations-app/convex/schema.js";
import type { Operation, QueryOperation, Report } from "../fixtures/operations-app/operation-types.js";
import { createEngine } from "./engine.js";
import { transaction } from "./random-operations.js";

/** Change it to try others; a failure prints the seed and the path to the smallest counterexample. */
const SEED = 20_261_121;
const RUNS = 40;

const OPERATIONS_APP = fileURLToPath(new URL("../fixtures/operations-app", import.meta.url));
const toRun = makeFunctionReference<"mutation", Record<string, Value>, Value>("operations:run");
const toDump = makeFunctionReference<"query", Record<string, never>, Value>("operations:dump");

interface Outcome {
  reports?: Report[];
  ids?: string[];
  error?: string;
}
interface Backend {
  run(args: { operations: Value; ids: string[]; fail: boolean }): Promise<Outcome>;
  dump(): Promise<JSONValue>;
  close(): Promise<void>;
  /** Cursors that pages ended with, by table, index and order. */
  cursors: Map<string, string[]>;
}

function plainConvexTest(): Backend {
  const test = convexTest({
    schema,
    modules: { "./_generated/api.js": async () => ({}), "./operations.js": async () => operationsModule },
    transactionLimits: true,
  });
  return {
    cursors: new Map(),
    run: async (args) => {
      try {
        return toOutcome(convexToJson(await test.mutation(toRun, args)));
      } catch (error) {
        return { error: error instanceof Error ? error.message : "unknown" };
      }
    },
    dump: async () => convexToJson(await test.query(toDump, {})),
    close: async () => undefined,
  };
}

async function embeddedBackend(): Promise<Backend> {
  const options = { projectDirectory: OPERATIONS_APP, dataDirectory: null, cloudUrl: "http://c", siteUrl: "http://s" };
  const engine = await createEngine(options);
  const call = async (path: string, args: JSONValue): Promise<JSONValue> => {
    const result = await engine.call({ kind: "any", path, args, identity: null, allowInternal: false });
    if (!result.success)
      throw new Error(result.errorMessage.replace(/^Uncaught Error: /, "").replace(/\n {4}at [\s\S]*$/, ""));
    return result.value;
  };
  return {
    cursors: new Map(),
    run: async (args) => {
      try {
        return toOutcome(await call("operations:run", convexToJson(args)));
      } catch (error) {
        return { error: error instanceof Error ? error.message : "unknown" };
      }
    },
    dump: async () => await call("operations:dump", {}),
    close: async () => await engine.close(),
  };
}

/** What `operations:run` returns. */
function toOutcome(json: JSONValue): Outcome {
  return jsonToConvex(json) as unknown as Outcome;
}

function cursorGroup({ table: of, index, order: by }: QueryOperation): string {
  return `${of} ${index ?? "all"} ${by}`;
}

/** Puts this backend's own cursors where the operations name earlier ones; nested queries begin at the start. */
function placeCursors(backend: Backend, operations: Operation[]): Operation[] {
  return operations.map((operation) => {
    switch (operation.kind) {
      case "query":
        return placeCursor(operation, backend.cursors.get(cursorGroup(operation)) ?? []);
      case "nestedQuery":
      case "staleQuery":
        return { ...operation, query: placeCursor(operation.query, []) };
      case "nested":
        // Made of operations by the arbitrary above.
        return {
          ...operation,
          operations: placeCursors(
            { ...backend, cursors: new Map() },
            operation.operations as unknown as Operation[],
          ).map((made): Value => ({ ...made })),
        };
      default:
        return operation;
    }
  });
}

function placeCursor(operation: QueryOperation, known: readonly string[]): QueryOperation {
  if (operation.mode.kind !== "paginate" || operation.mode.options.cursor === null) return operation;
  const cursor = known[Number(operation.mode.options.cursor)] ?? null;
  return { ...operation, mode: { ...operation.mode, options: { ...operation.mode.options, cursor } } };
}

function noteCursors(backend: Backend, operations: Operation[], reports: Report[]): Report[] {
  return reports.map((report, at) => {
    const operation = operations[at];
    if (operation?.kind !== "query" || report.cursor === undefined) return withoutCursors(report);
    const group = cursorGroup(operation);
    backend.cursors.set(group, [...(backend.cursors.get(group) ?? []), report.cursor]);
    return withoutCursors(report);
  });
}

function withoutCursors(report: Report): Report {
  return JSON.parse(
    JSON.stringify(convexToJson({ ...report }), (key, inner: unknown) =>
      key === "cursor" ? (inner === "_end_cursor" ? "end" : "further") : inner,
    ),
  ) as Report;
}

beforeEach(() => {
  // Plain convex-test starts a timer for every scheduled function; none of them may fire while a run goes on.
  vi.useFakeTimers({ toFake: ["setTimeout"] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe("differential", () => {
  it("answers every transaction as convex-test does", { timeout: 120_000 }, async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(transaction, { minLength: 3, maxLength: 14 }), async (transactions) => {
        const backends = [plainConvexTest(), await embeddedBackend()];
        let ids: string[] = [];
        try {
          for (const { operations, fail } of transactions) {
            const outcomes: Outcome[] = [];
            for (const backend of backends) {
              const placed = placeCursors(backend, operations).map((operation) => ({ ...operation }));
              const { reports, ...rest } = await backend.run({ operations: placed, ids, fail });
              outcomes.push({
                ...rest,
                ...(reports === undefined ? {} : { reports: noteCursors(backend, operations, reports) }),
              });
            }
            expect(outcomes[1]).toEqual(outcomes[0]);
            ids = outcomes[0]?.ids ?? ids;
            compared += 1;
          }
          expect(await backends[1]!.dump()).toEqual(await backends[0]!.dump());
        } finally {
          for (const backend of backends) await backend.close();
        }
      }),
      { seed: SEED, numRuns: RUNS, endOnFailure: false },
    );
    expect(compared).toBeGreaterThan(RUNS * 3);
  });
});

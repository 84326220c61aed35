/** The component as the model drives it: calls by name, a clock that only the model moves, its rows and its jobs. */
import { isDeepStrictEqual } from "node:util";
import { vi } from "vitest";
import type { Value } from "convex/values";
import { databaseOf, openConvexTest } from "../../dev/embedded-convex/engine/convex-test-internals.js";
import type { ConvexTestInternals, Document } from "../../dev/embedded-convex/engine/convex-test-types.js";
import { tableOfId } from "../../dev/embedded-convex/engine/read-sets.js";
import type { Doc, TableNames } from "../../src/component/_generated/dataModel.js";
import type { MutationCtx } from "../../src/component/functions.js";
import { createLogger } from "../../src/component/logging.js";
import { isAgentFactoryError, type AgentFactoryErrorKind } from "../../src/shared/errors.js";
import { register } from "../../src/test.js";

export const COMPONENT = "agentFactory";
/** Any fixed instant will do; runs must not depend on when they run. */
const BEGINNING = Date.UTC(2026, 0, 5, 9);

export type Outcome<Result> = { refused: null; value: Result } | { refused: AgentFactoryErrorKind; value: null };
export type Rows = ReadonlyMap<string, Document>;
export type Job = { id: string; componentPath: string; name: string; args: Value; at: number };

/** Something the queue must never do; the message begins with the invariants it breaks. */
export class Violation extends Error {}

export function require(condition: boolean, message: () => string): asserts condition {
  if (!condition) throw new Violation(message());
}

export class World {
  private constructor(private readonly internals: ConvexTestInternals) {}

  /** A component without any row, at a fixed time. Timers are faked and never fire: jobs run when the model says so. */
  static async open(): Promise<World> {
    vi.useFakeTimers({ now: BEGINNING, toFake: ["Date", "setTimeout", "clearTimeout"] });
    const internals = await openConvexTest(null, { "./_generated/api.js": async () => ({}) });
    // What convexTest() has returned, under the type that the engine knows it by.
    register(internals.accessor as unknown as Parameters<typeof register>[0]);
    return new World(internals);
  }

  close(): void {
    vi.clearAllTimers();
    vi.useRealTimers();
  }

  get now(): number {
    return Date.now();
  }

  advance(ms: number): void {
    vi.setSystemTime(Date.now() + ms);
  }

  /** Calls a mutation. A refusal is an outcome, and must have changed nothing; any other error is a bug. */
  async call<Result>(udfPath: string, args: Record<string, unknown>): Promise<Outcome<Result>> {
    const before = this.rows();
    try {
      const path = { componentPath: COMPONENT, udfPath };
      const value = await this.internals.accessor.mutationFromPath(path, args as Record<string, Value>);
      return { refused: null, value: value as Result };
    } catch (error) {
      if (!isAgentFactoryError(error)) throw error;
      const changed = this.changesSince(before);
      require(changed.length === 0, () => `INV-03: refused ${udfPath} (${error.data.kind}) changed ${changed.join()}`);
      return { refused: error.data.kind, value: null };
    }
  }

  async query<Result>(udfPath: string, args: Record<string, Value>): Promise<Result> {
    const value = await this.internals.accessor.queryFromPath({ componentPath: COMPONENT, udfPath }, args);
    return value as Result;
  }

  /** Runs code inside the component, for what no registered function does. */
  async inside<Result>(run: (ctx: MutationCtx) => Promise<Result>): Promise<Result> {
    return await this.internals.accessor.runInComponent(COMPONENT, async (ctx) => {
      // What convex-test hands out here is a mutation's context; the component's own has a logger on top.
      return await run({ ...(ctx as MutationCtx), log: createLogger("error") });
    });
  }

  /** Every row of every component, by id. Rows are replaced, never changed, so this copy stays as it is. */
  rows(): Rows {
    const rows = new Map<string, Document>();
    for (const path of Object.keys(this.internals.global.components)) {
      const { _documents } = databaseOf(this.internals, path);
      for (const id in _documents) rows.set(`${path}/${id}`, _documents[id] as Document);
    }
    return rows;
  }

  changesSince(before: Rows): string[] {
    const after = this.rows();
    const changed: string[] = [];
    for (const [id, row] of after) {
      const was = before.get(id);
      if (was !== row && !isDeepStrictEqual(was, row)) changed.push(id);
    }
    for (const id of before.keys()) if (!after.has(id)) changed.push(id);
    return changed;
  }

  /** The component's rows of a table, in the order in which they were made. */
  table<Name extends TableNames>(name: Name): Doc<Name>[] {
    const { _documents } = databaseOf(this.internals, COMPONENT);
    // Rows are validated against the schema that these types come from.
    return Object.values(_documents).filter(({ _id }) => tableOfId(_id) === name) as unknown as Doc<Name>[];
  }

  /** Jobs of all components that have not run, soonest first. */
  jobs(): Job[] {
    const jobs: Job[] = [];
    for (const componentPath of Object.keys(this.internals.global.components)) {
      for (const row of Object.values(databaseOf(this.internals, componentPath)._documents)) {
        if (tableOfId(row._id) !== "_scheduled_functions") continue;
        if ((row["state"] as { kind: string }).kind !== "pending") continue;
        const [args = {}] = row["args"] as Value[];
        jobs.push({
          id: row._id,
          componentPath,
          name: row["name"] as string,
          args,
          at: Number(row["scheduledTime"]),
        });
      }
    }
    return jobs.sort((left, right) => left.at - right.at);
  }

  /** Marks a job as done without running it; what it does is up to the caller. */
  async finishJob(job: Job): Promise<void> {
    await this.markJob(job, "success");
  }

  /** Runs a job that is a mutation, through the states that Convex lets it go through. */
  async runJob(job: Job): Promise<void> {
    await this.markJob(job, "inProgress");
    const path = { componentPath: job.componentPath, udfPath: job.name };
    await this.internals.accessor.mutationFromPath(path, job.args as Record<string, Value>);
    await this.markJob(job, "success");
  }

  private async markJob({ id, componentPath }: Job, kind: string): Promise<void> {
    await this.internals.accessor.runInComponent(componentPath, async () => {
      databaseOf(this.internals, componentPath).patch("_scheduled_functions", id, { state: { kind } });
      return null;
    });
  }
}

/** `ctx.scheduler`: writes jobs to `_scheduled_functions`; they are started when their transaction has committed. */
import { CommitTsPlaceholder, getConvexSize, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { z } from "zod";
import { databaseOf } from "./convex-test-internals.js";
import type { ConvexTestInternals, FunctionPath } from "./convex-test-types.js";
import { HIDDEN, type HiddenFields } from "./hidden-fields.js";

export const JOBS_TABLE = "_scheduled_functions";

const vSchedule = z.looseObject({
  args: z.custom<JSONValue>((value) => value !== undefined),
  /** Seconds since 1970. */
  ts: z.number(),
});
const vCancel = z.looseObject({ id: z.string() });
const vState = z.looseObject({ kind: z.string() });

export class ScheduleSyscalls {
  /** @param now in ms. */
  constructor(
    private readonly internals: ConvexTestInternals,
    /** convex-test's own syscalls, which know how to resolve references and handles. */
    private readonly original: ConvexTestInternals["global"]["asyncSyscall"],
    private readonly now: () => number,
  ) {}

  /** @returns the answer, or `undefined` if the operation is none of the scheduler's. */
  async perform(componentPath: string, operation: string, args: unknown): Promise<{ json: unknown } | undefined> {
    if (operation === "1.0/schedule") return { json: await this.schedule(componentPath, args) };
    if (operation === "1.0/cancel_job") return { json: this.cancel(componentPath, args) };
    return undefined;
  }

  private async schedule(componentPath: string, args: unknown): Promise<string> {
    const { args: argsJson, ts, ...address } = vSchedule.parse(args);
    const handle = await this.original("1.0/createFunctionHandle", JSON.stringify(address));
    const target = parseHandle(z.string().parse(JSON.parse(handle)));
    const parsed = jsonToConvex(argsJson);
    if (containsPlaceholder(parsed)) {
      throw new Error(
        `Invalid arguments for "${target.udfPath}": a scheduled function cannot take an unresolved placeholder value.`,
      );
    }
    this.internals.global.transactionManager.getMetricsTracker()?.trackScheduledFunction(getConvexSize(parsed));
    const hidden: HiddenFields = { target };
    return databaseOf(this.internals, componentPath).insert(JOBS_TABLE, {
      args: [parsed],
      name: target.udfPath,
      scheduledTime: ts * 1000,
      state: { kind: "pending" },
      [HIDDEN]: hidden,
    });
  }

  /** A job that runs goes on running, one that has ended stays as it ended. */
  private cancel(componentPath: string, args: unknown): object {
    const { id } = vCancel.parse(args);
    const db = databaseOf(this.internals, componentPath);
    const job = db.get(JOBS_TABLE, id);
    if (job === null) throw new Error(`There is no scheduled function ${id} to cancel.`);
    const { kind } = vState.parse(job["state"]);
    if (kind === "pending" || kind === "inProgress") {
      db.patch(JOBS_TABLE, id, { state: { kind: "canceled" }, completedTime: this.now() });
    }
    return {};
  }
}

/** As convex-test writes them: `function://<component>;<path>`. */
function parseHandle(handle: string): FunctionPath {
  const [componentPath = "", udfPath] = handle.replace(/^function:\/\//, "").split(";");
  if (udfPath === undefined) throw new Error(`${handle} is not a function handle.`);
  return { componentPath, udfPath };
}

function containsPlaceholder(value: Value): boolean {
  if (value instanceof CommitTsPlaceholder) return true;
  if (typeof value !== "object" || value === null || value instanceof ArrayBuffer) return false;
  return Object.values(value).some((inner) => inner !== undefined && containsPlaceholder(inner));
}

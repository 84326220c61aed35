/** Runs one scheduled function, and moves its row through its states: a mutation exactly once, an action at most once. */
import { jsonToConvex, convexToJson, type Value } from "convex/values";
import { z } from "zod";
import { callByKind, titleOf } from "./call-function.js";
import { databaseOf } from "./convex-test-internals.js";
import type { ConvexTestInternals, Database, Document, FunctionPath } from "./convex-test-types.js";
import { describeFailure } from "./function-errors.js";
import type { FunctionRegistry } from "./functions.js";
import { hiddenFields } from "./hidden-fields.js";
import { createInvocation, recordLog, type Invocation, type InvocationStorage } from "./invocation.js";
import { JOBS_TABLE } from "./schedule-syscalls.js";
import type { FunctionKind } from "./types.js";

export interface JobSurroundings {
  internals: ConvexTestInternals;
  functions: FunctionRegistry;
  invocations: InvocationStorage;
  sourceRoot: string;
  log: (line: string) => void;
  now: () => number;
}

interface Job extends FunctionPath {
  /** Whose table the job is in; it may run a function of another component. */
  ownerPath: string;
  id: string;
  kind: FunctionKind;
  args: Record<string, Value>;
}

const vState = z.looseObject({ kind: z.enum(["pending", "inProgress", "success", "failed", "canceled"]) });

export function stateOf(job: Document): z.infer<typeof vState>["kind"] {
  return vState.parse(job["state"]).kind;
}

/** Returns when the job has ended, whichever way; throws only if its end could not be saved. */
export async function runJob(surroundings: JobSurroundings, ownerPath: string, document: Document): Promise<void> {
  const { internals, functions, invocations } = surroundings;
  const id = document._id;
  const target = hiddenFields(document).target ?? {
    componentPath: ownerPath,
    udfPath: z.string().parse(document["name"]),
  };
  const found = functions.find(target.componentPath, target.udfPath);
  const kind = found === undefined || found.kind === "httpAction" ? null : found.kind;
  const invocation = createInvocation(titleOf(kind ?? "action", target.componentPath, target.udfPath));
  const metadata = { ip: null, userAgent: null, requestId: id, scheduledFunctionId: id, authToken: null };
  const within = <T>(run: () => Promise<T>): Promise<T> =>
    invocations.run(invocation, () => internals.requestStorage.run(metadata, run));
  if (kind === null) {
    const error = new Error(
      `The scheduled function ${target.componentPath}:${target.udfPath} does not exist any more.`,
    );
    await within(() => setState(surroundings, ownerPath, id, "pending", failure(surroundings, invocation, error)));
    return;
  }
  const job: Job = { ...target, ownerPath, id, kind, args: argsOf(document) };
  await within(() =>
    kind === "action" ? runAction(surroundings, invocation, job) : runMutation(surroundings, invocation, job),
  );
}

/** Function and success commit together: a crash leaves either both or neither, and then it runs again. */
async function runMutation(surroundings: JobSurroundings, invocation: Invocation, job: Job): Promise<void> {
  const { accessor } = surroundings.internals;
  const db = databaseOf(surroundings.internals, job.ownerPath);
  await accessor.runInComponent(job.ownerPath, async () => {
    if (!isIn(db, job.id, "pending")) return;
    let end: EndState = { kind: "success" };
    try {
      await callByKind(accessor, job.kind, job, job.args);
    } catch (error) {
      end = failure(surroundings, invocation, error);
    }
    db.patch(JOBS_TABLE, job.id, { state: end, completedTime: surroundings.now() });
  });
}

/** Marked as begun before it begins, so that a crash in between loses it rather than running it twice. */
async function runAction(surroundings: JobSurroundings, invocation: Invocation, job: Job): Promise<void> {
  const { accessor } = surroundings.internals;
  const db = databaseOf(surroundings.internals, job.ownerPath);
  const hasBegun = await accessor.runInComponent(job.ownerPath, async () => {
    if (!isIn(db, job.id, "pending")) return false;
    db.patch(JOBS_TABLE, job.id, { state: { kind: "inProgress" } });
    return true;
  });
  if (!hasBegun) return;
  let end: EndState = { kind: "success" };
  try {
    await callByKind(accessor, job.kind, job, job.args);
  } catch (error) {
    end = failure(surroundings, invocation, error);
  }
  await setState(surroundings, job.ownerPath, job.id, "inProgress", end);
}

type EndState = { kind: "success" } | { kind: "failed"; error: string };

function failure({ sourceRoot, log }: JobSurroundings, invocation: Invocation, error: unknown): EndState {
  const { errorMessage } = describeFailure(error, sourceRoot);
  recordLog(invocation, "ERROR", [errorMessage], log);
  return { kind: "failed", error: errorMessage };
}

/** Ends a job, unless it has left the state `from` meanwhile: a canceled one stays canceled. */
export async function setState(
  { internals, now }: Pick<JobSurroundings, "internals" | "now">,
  ownerPath: string,
  id: string,
  from: "pending" | "inProgress",
  end: EndState,
): Promise<void> {
  const db = databaseOf(internals, ownerPath);
  await internals.accessor.runInComponent(ownerPath, async () => {
    if (isIn(db, id, from)) db.patch(JOBS_TABLE, id, { state: end, completedTime: now() });
  });
}

function isIn(db: Database, id: string, state: "pending" | "inProgress"): boolean {
  const job = db.get(JOBS_TABLE, id);
  return job !== null && stateOf(job) === state;
}

function argsOf(document: Document): Record<string, Value> {
  const [args] = z.array(z.unknown()).parse(document["args"]);
  // Written by `ScheduleSyscalls`, from the one object that the scheduling function passed.
  return jsonToConvex(convexToJson((args ?? {}) as Value)) as Record<string, Value>;
}

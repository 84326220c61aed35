/** Replaces those of convex-test's syscalls that a real backend answers differently. */
import { z } from "zod";
import { checkReference } from "./component-references.js";
import type { ConvexTestInternals, ExecutionContext } from "./convex-test-types.js";
import type { FunctionRegistry } from "./functions.js";
import type { Invocation, InvocationStorage } from "./invocation.js";
import { ScheduleSyscalls } from "./schedule-syscalls.js";
import type { StorageSyscalls } from "./storage-syscalls.js";
import type { TransactionGuard } from "./transaction-guard.js";

const vQueryId = z.object({ queryId: z.number() });
const vPage = z.looseObject({ endCursor: z.string().nullish() });
const vPageResult = z.looseObject({ continueCursor: z.string() });
const vUdf = z.looseObject({ udfType: z.string() });
const vJournal = z.object({ endCursor: z.string() });

/** Operations that are answered without convex-test. */
const REPLACED = /^1\.0\/(storage|schedule|cancel_job)/;

const vReference = z.looseObject({ reference: z.string().optional() });
/** Operations that name a function. */
const CALLS = /^1\.0\/(runUdf|createFunctionHandle|schedule)$/;

export interface SyscallSurroundings {
  internals: ConvexTestInternals;
  invocations: InvocationStorage;
  functions: FunctionRegistry;
  guard: TransactionGuard;
  storage: StorageSyscalls;
  /** In ms. */
  now: () => number;
}

export function installSyscalls(surroundings: SyscallSurroundings): void {
  const { internals, invocations, functions, guard, storage, now } = surroundings;
  const { global, executionStorage } = internals;
  const { syscall, asyncSyscall, jsSyscall } = global;
  const schedule = new ScheduleSyscalls(internals, asyncSyscall, now);
  const componentPath = (): string => executionStorage.getStore()?.componentPath ?? "";

  global.syscall = (operation, jsonArgs) => {
    guard.check();
    if (operation !== "1.0/queryCleanup") return syscall(operation, jsonArgs);
    const { queryId } = vQueryId.parse(JSON.parse(jsonArgs));
    const db = global.components[componentPath()]?.db;
    if (db !== undefined) Reflect.deleteProperty(db._queryResults, queryId);
    return JSON.stringify({});
  };
  global.asyncSyscall = async (operation, jsonArgs) => {
    guard.check();
    if (CALLS.test(operation)) {
      const { reference } = vReference.parse(JSON.parse(jsonArgs));
      if (reference !== undefined) checkReference(functions, componentPath(), reference);
    }
    if (operation === "1.0/actions/vectorSearch") {
      // In a transaction of its own: otherwise it would see what a function that happens to run has not committed yet.
      return await internals.accessor.runInComponent(componentPath(), () => asyncSyscall(operation, jsonArgs));
    }
    if (operation === "1.0/queryPage") {
      const invocation = journaled(invocations.getStore(), executionStorage.getStore());
      if (invocation === null) return await asyncSyscall(operation, jsonArgs);
      const result = await asyncSyscall(operation, withPreviousEnd(jsonArgs, invocation.previousJournal));
      const { continueCursor } = vPageResult.parse(JSON.parse(result));
      invocation.journal = JSON.stringify({ endCursor: continueCursor });
      return result;
    }
    const current = invocations.getStore();
    if (current?.reads != null && operation === "1.0/runUdf" && isSnapshotQuery(jsonArgs)) {
      // What a snapshot query reads may have changed by the time its caller commits, and nobody minds.
      return await invocations.run({ ...current, reads: null }, () => asyncSyscall(operation, jsonArgs));
    }
    const handler = REPLACED.exec(operation)?.[1] === "storage" ? storage : schedule;
    if (!REPLACED.test(operation)) return await asyncSyscall(operation, jsonArgs);
    const answer = await handler.perform(componentPath(), operation, JSON.parse(jsonArgs));
    return answer === undefined ? await asyncSyscall(operation, jsonArgs) : JSON.stringify(answer.json);
  };
  global.jsSyscall = async (operation, args) => {
    guard.check();
    const answer = await storage.performJs(componentPath(), operation, args);
    return answer === undefined ? await jsSyscall(operation, args) : answer.value;
  };
}

const isSnapshotQuery = (jsonArgs: string): boolean => vUdf.parse(JSON.parse(jsonArgs)).udfType === "snapshotQuery";

/** Only the query that a client has subscribed to has a journal, not those that it calls. */
function journaled(invocation: Invocation | undefined, execution: ExecutionContext | undefined): Invocation | null {
  return invocation?.reads != null && execution?.depth === 1 ? invocation : null;
}

/** A page that runs again ends where it ended before, so that pages loaded one after another keep fitting together. */
function withPreviousEnd(jsonArgs: string, previousJournal: string | null): string {
  if (previousJournal === null) return jsonArgs;
  const args = vPage.parse(JSON.parse(jsonArgs));
  if (args.endCursor !== undefined && args.endCursor !== null) return jsonArgs;
  return JSON.stringify({ ...args, endCursor: vJournal.parse(JSON.parse(previousJournal)).endCursor });
}

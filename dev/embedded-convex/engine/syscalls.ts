/** Replaces those of convex-test's syscalls that a real backend answers differently. */
import { z } from "zod";
import type { ConvexTestInternals, ExecutionContext } from "./convex-test-internals.js";
import type { Invocation, InvocationStorage } from "./invocation.js";
import { ScheduleSyscalls } from "./schedule-syscalls.js";
import type { StorageSyscalls } from "./storage-syscalls.js";

const vQueryId = z.object({ queryId: z.number() });
const vPage = z.looseObject({ endCursor: z.string().nullish() });
const vPageResult = z.looseObject({ continueCursor: z.string() });
const vJournal = z.object({ endCursor: z.string() });

/** Operations that are answered without convex-test. */
const REPLACED = /^1\.0\/(storage|schedule|cancel_job)/;

/** @param now in ms. */
export function installSyscalls(
  internals: ConvexTestInternals,
  invocations: InvocationStorage,
  storage: StorageSyscalls,
  now: () => number,
): void {
  const { global, executionStorage } = internals;
  const { syscall, asyncSyscall, jsSyscall } = global;
  const schedule = new ScheduleSyscalls(internals, asyncSyscall, now);
  const componentPath = (): string => executionStorage.getStore()?.componentPath ?? "";

  global.syscall = (operation, jsonArgs) => {
    if (operation !== "1.0/queryCleanup") return syscall(operation, jsonArgs);
    const { queryId } = vQueryId.parse(JSON.parse(jsonArgs));
    const db = global.components[componentPath()]?.db;
    if (db !== undefined) Reflect.deleteProperty(db._queryResults, queryId);
    return JSON.stringify({});
  };
  global.asyncSyscall = async (operation, jsonArgs) => {
    if (operation === "1.0/queryPage") {
      const invocation = journaled(invocations.getStore(), executionStorage.getStore());
      if (invocation === null) return await asyncSyscall(operation, jsonArgs);
      const result = await asyncSyscall(operation, withPreviousEnd(jsonArgs, invocation.previousJournal));
      const { continueCursor } = vPageResult.parse(JSON.parse(result));
      invocation.journal = JSON.stringify({ endCursor: continueCursor });
      return result;
    }
    const handler = REPLACED.exec(operation)?.[1] === "storage" ? storage : schedule;
    if (!REPLACED.test(operation)) return await asyncSyscall(operation, jsonArgs);
    const answer = await handler.perform(componentPath(), operation, JSON.parse(jsonArgs));
    return answer === undefined ? await asyncSyscall(operation, jsonArgs) : JSON.stringify(answer.json);
  };
  global.jsSyscall = async (operation, args) => {
    const answer = await storage.performJs(componentPath(), operation, args);
    return answer === undefined ? await jsSyscall(operation, args) : answer.value;
  };
}

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

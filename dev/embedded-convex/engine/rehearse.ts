/** Runs a function and undoes it: what would it have read and written, and so, with whom would it conflict? */
import type { JSONValue } from "convex/values";
import { argsOf, callByKind } from "./call-function.js";
import { collectChanges } from "./commits.js";
import type { ConvexTestInternals } from "./convex-test-types.js";
import type { FunctionRegistry } from "./functions.js";
import { createInvocation, type InvocationStorage } from "./invocation.js";
import { ReadRecorder, type CommitWrites } from "./read-sets.js";

/** Thrown to undo the transaction, once everything about it is known. */
class Undo extends Error {}

export interface RehearsedCall {
  /** What a commit must leave alone for this call to stand, see `isAffected` of the engine; snapshot reads are not in it. */
  readSet: ReadRecorder;
  writes: CommitWrites;
}

/** @throws what the function throws, or if there is no such query or mutation. */
export async function rehearse(
  internals: ConvexTestInternals,
  functions: FunctionRegistry,
  invocations: InvocationStorage,
  componentPath: string,
  path: string,
  args: JSONValue,
): Promise<RehearsedCall> {
  const found = functions.find(componentPath, path);
  if (found?.kind !== "query" && found?.kind !== "mutation") {
    throw new Error(`There is no query or mutation "${path}" in component "${componentPath}".`);
  }
  const { kind } = found;
  const target = { componentPath, udfPath: found.path };
  const readSet = new ReadRecorder();
  const rehearsed: RehearsedCall[] = [];
  const invocation = createInvocation(`rehearsal of ${path}`, { reads: readSet });
  try {
    await internals.accessor.runInComponent("", async () => {
      await invocations.run(invocation, async () => callByKind(internals.accessor, kind, target, argsOf(args)));
      const { components, transactionManager } = internals.global;
      const { changes } = collectChanges(components, transactionManager._lastCommitTs + 1n);
      rehearsed.push({ readSet, writes: changes });
      throw new Undo();
    });
  } catch (error) {
    const [call] = rehearsed;
    if (error instanceof Undo && call !== undefined) return call;
    throw error;
  }
  throw new Error(`${path} was rehearsed and not undone.`);
}

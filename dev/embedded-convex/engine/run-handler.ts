/** Runs the handler of every Convex function: in its instance's environment, with its logs caught and its result checked. */
import type { AsyncLocalStorage } from "node:async_hooks";
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { Clock } from "./clock.js";
import type { ConvexTestInternals, Database } from "./convex-test-internals.js";
import { createFunctionConsole } from "./function-console.js";
import type { ConvexFunction, RunHandler } from "./instance-modules.js";
import { recordLog, type InvocationStorage } from "./invocation.js";

export interface HandlerSurroundings {
  overridesStorage: AsyncLocalStorage<Record<string, unknown>>;
  invocations: InvocationStorage;
  clock: Clock;
  log: (line: string) => void;
  /** Known once convex-test runs, which needs the wrapped modules first. */
  internals: () => ConvexTestInternals;
}

export function createHandlerRunner(surroundings: HandlerSurroundings): RunHandler {
  const { overridesStorage, invocations, clock, log, internals } = surroundings;
  const functionConsole = createFunctionConsole((level, values) => {
    const invocation = invocations.getStore();
    if (invocation !== undefined) recordLog(invocation, level, values, log);
  });
  return async (environment, original, ctx, args) => {
    const overrides = overridesStorage.getStore();
    if (overrides === undefined) throw new Error("A Convex function can only be called through the backend.");
    const date = clock.functionDate();
    Object.assign(overrides, {
      process: environment.process,
      console: functionConsole,
      ...(date === null ? {} : { Date: date }),
    });
    const result = await original._handler(ctx, args);
    if (original.isHttp === true) return result;
    const { executionStorage, global } = internals();
    const execution = executionStorage.getStore();
    const value = checkReturned(original, result, execution?.udfPath ?? "", global.components[""]?.db);
    const invocation = invocations.getStore();
    if (invocation !== undefined && invocation.requestKey !== null && execution?.depth === 1) invocation.answer = value;
    return value;
  };
}

/**
 * convex-test validates a mutation's result only after it has committed. Here, before: a call that ends with an error
 * must have changed nothing.
 */
function checkReturned(
  original: ConvexFunction,
  result: unknown,
  udfPath: string,
  database: Database | undefined,
): Value {
  // `convexToJson` refuses what is no Convex value, and says where in the result it is.
  const value = jsonToConvex(convexToJson((result ?? null) as Value));
  const returns = JSON.parse(original.exportReturns?.() ?? "null") as JSONValue;
  if (returns === null || database === undefined) return value;
  const schema = { schemaValidation: true, tables: new Map([["value", { documentType: returns }]]) };
  try {
    database._validate.call({ _schema: schema }, "value", value);
  } catch (error) {
    const kind = original.isQuery === true ? "query" : original.isMutation === true ? "mutation" : "action";
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`Return value validation failed for ${kind} "${udfPath}":\n${reason}`, { cause: error });
  }
  return value;
}

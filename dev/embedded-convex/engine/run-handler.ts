/** Runs the handler of every Convex function: in its instance's environment, within its time, with its result checked. */
import type { AsyncLocalStorage } from "node:async_hooks";
import { clearTimeout, setTimeout } from "node:timers";
import { convexToJson, jsonToConvex, type JSONValue, type Value } from "convex/values";
import type { Clock } from "./clock.js";
import { checkReference, referenceOf } from "./component-references.js";
import { databaseOf } from "./convex-test-internals.js";
import type { ConvexTestInternals, Database } from "./convex-test-types.js";
import { checkTransfer } from "./document-limits.js";
import { createFunctionConsole } from "./function-console.js";
import { createFunctionCrypto } from "./function-crypto.js";
import type { FunctionRegistry } from "./functions.js";
import type { ConvexFunction, RunHandler } from "./instance-modules.js";
import { recordLog, type InvocationStorage } from "./invocation.js";
import type { TransactionGuard } from "./transaction-guard.js";

/**
 * Convex gives a query or mutation one second of its own work. Here it is what ends one that waits for something that
 * never comes, while all others wait for it; long enough for any machine under any load.
 */
export const TRANSACTION_TIMEOUT_MS = 30_000;
/** As on Convex. */
const ACTION_TIMEOUT_MS = 30 * 60_000;

export interface HandlerSurroundings {
  overridesStorage: AsyncLocalStorage<Record<string, unknown>>;
  invocations: InvocationStorage;
  clock: Clock;
  log: (line: string) => void;
  guard: TransactionGuard;
  transactionTimeoutMs: number;
  /** Known once convex-test runs, which needs the wrapped modules first. */
  internals: () => ConvexTestInternals;
  functions: () => FunctionRegistry;
}

export function createHandlerRunner(surroundings: HandlerSurroundings): RunHandler {
  const { overridesStorage, invocations, clock, log, guard, transactionTimeoutMs, internals, functions } = surroundings;
  const functionConsole = createFunctionConsole((level, values) => {
    const invocation = invocations.getStore();
    if (invocation !== undefined) recordLog(invocation, level, values, log);
  });
  const cryptos = { transaction: createFunctionCrypto(true), action: createFunctionCrypto(false) };
  return async (environment, original, ctx, args) => {
    const overrides = overridesStorage.getStore();
    if (overrides === undefined) throw new Error("A Convex function can only be called through the backend.");
    const isTransaction = original.isQuery === true || original.isMutation === true;
    const date = clock.functionDate();
    Object.assign(overrides, {
      process: environment.process,
      console: functionConsole,
      crypto: cryptos[isTransaction ? "transaction" : "action"],
      ...(date === null ? {} : { Date: date }),
    });
    guard.enter();
    const execution = internals().executionStorage.getStore();
    const check = (reference: string): void => checkReference(functions(), execution?.componentPath ?? "", reference);
    const result = isTransaction
      ? await within(transactionTimeoutMs, () => original._handler(ctx, args))
      : await within(ACTION_TIMEOUT_MS, () => original._handler(withCheckedCalls(ctx, check), args));
    if (original.isHttp === true) return result;
    const value = checkReturned(original, result, execution?.udfPath ?? "", databaseOf(internals(), ""));
    const invocation = invocations.getStore();
    if (invocation !== undefined && invocation.requestKey !== null && execution?.depth === 1) invocation.answer = value;
    return value;
  };
}

/** @throws if the work takes longer; what it does afterwards has no transaction to do it in. */
async function within(ms: number, work: () => unknown): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`Function execution timed out (maximum duration: ${ms / 1000}s)`)), ms);
  });
  try {
    return await Promise.race([work(), timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** An action's calls do not go through syscalls, where those of queries and mutations are checked. */
function withCheckedCalls(ctx: unknown, check: (reference: string) => void): unknown {
  if (typeof ctx !== "object" || ctx === null) return ctx;
  const checked: Record<string, unknown> = { ...ctx };
  for (const name of ["runQuery", "runMutation", "runAction"]) {
    const call = checked[name];
    if (typeof call !== "function") continue;
    checked[name] = async (...args: unknown[]): Promise<unknown> => {
      const reference = referenceOf(args[0]);
      if (reference !== null) check(reference);
      const result: unknown = await Reflect.apply(call, ctx, args);
      return result;
    };
  }
  return checked;
}

/**
 * convex-test validates a mutation's result only after it has committed. Here, before: a call that ends with an error
 * must have changed nothing.
 */
function checkReturned(original: ConvexFunction, result: unknown, udfPath: string, database: Database): Value {
  // `convexToJson` refuses what is no Convex value, and says where in the result it is.
  const value = jsonToConvex(convexToJson((result ?? null) as Value));
  checkTransfer("The result is", value);
  const returns = JSON.parse(original.exportReturns?.() ?? "null") as JSONValue;
  if (returns === null) return value;
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

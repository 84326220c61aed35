/** Runs the handler of every Convex function: in its instance's environment, within its time, with its result checked. */
import { AsyncLocalStorage } from "node:async_hooks";
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
      : await within(ACTION_TIMEOUT_MS, () => original._handler(actionContext(ctx, check), args));
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

/**
 * The context of an action: its calls are checked, as they do not go through syscalls, where those of queries and
 * mutations are; and they work wherever they are made, as from a stream that the HTTP response reads later.
 */
function actionContext(ctx: unknown, check: (reference: string) => void): unknown {
  if (typeof ctx !== "object" || ctx === null) return ctx;
  const inAction = AsyncLocalStorage.snapshot();
  const bind = (owner: object, name: string, before: (args: unknown[]) => void): unknown => {
    const method: unknown = Reflect.get(owner, name);
    if (typeof method !== "function") return method;
    return (...args: unknown[]): unknown => {
      before(args);
      return inAction((): unknown => Reflect.apply(method, owner, args));
    };
  };
  const bindAll = (part: unknown): unknown =>
    // Objects of a class (`ctx.auth`) hold what they know, and need no context.
    typeof part !== "object" || part === null || Object.getPrototypeOf(part) !== Object.prototype
      ? part
      : Object.fromEntries(Object.keys(part).map((name) => [name, bind(part, name, () => undefined)]));
  const checkFirst = ([reference]: unknown[]): void => {
    const address = referenceOf(reference);
    if (address !== null) check(address);
  };
  return Object.fromEntries(
    Object.entries(ctx).map(([name, part]: [string, unknown]) => [
      name,
      typeof part === "function"
        ? bind(ctx, name, name.startsWith("run") ? checkFirst : () => undefined)
        : bindAll(part),
    ]),
  );
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

/** The echo runtime with a part of it replaced. For tests. */
import type { Runtime, RuntimeContext, RuntimeEvent } from "../runtimes/runtime.js";
import { quickEcho } from "./test-worker.js";

type CreateRuntime = (context: RuntimeContext) => Runtime;

export function echoWith(change: (context: RuntimeContext, echo: Runtime) => Partial<Runtime>): CreateRuntime {
  return (context) => {
    const echo = quickEcho(context);
    return {
      capabilities: echo.capabilities,
      start: (input) => echo.start(input),
      health: () => echo.health(),
      runTurn: (input) => echo.runTurn(input),
      abort: (turnId) => echo.abort(turnId),
      quiesce: () => echo.quiesce(),
      stop: () => echo.stop(),
      snapshotExcludes: () => echo.snapshotExcludes(),
      ...change(context, echo),
    };
  };
}

/** With another turn, which has to heed the signal of its abortion. */
export function runtimeWith(
  turn: (context: RuntimeContext, signal: AbortSignal) => AsyncIterable<RuntimeEvent>,
): CreateRuntime {
  return echoWith((context) => {
    let abort = new AbortController();
    return {
      runTurn: () => {
        abort = new AbortController();
        return turn(context, abort.signal);
      },
      abort: async () => abort.abort(),
    };
  });
}

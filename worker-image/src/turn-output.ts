/** Runs one turn in a runtime and collects what it says, whatever the runtime does wrong. */
import type { Usage } from "../../src/shared/payload.js";
import type { DeltaStream } from "./delta-stream.js";
import type { Runtime, RuntimeFailure, TurnInput } from "./runtimes/runtime.js";
import { diskProblem } from "./disk-failure.js";
import { errorMessage, type Logger } from "./logger.js";
import { settledWithin } from "./timing.js";

export type TurnOutput = { failure: RuntimeFailure | null; usage: Usage | null };

/** What the runtime contract promises, with a little for a busy machine. */
const ABORT_TIMEOUT_MS = 3_000;

const broken = (message: string): RuntimeFailure => ({ kind: "runtime_crashed", message });

/** Passes the turn's events on until its first terminal one; events after that are none of the turn's. */
async function consume(runtime: Runtime, input: TurnInput, deltas: DeltaStream, logger: Logger): Promise<TurnOutput> {
  let usage: Usage | null = null;
  try {
    for await (const event of runtime.runTurn(input)) {
      switch (event.type) {
        case "text":
          deltas.push(event.text);
          break;
        case "tool":
          deltas.tool(event.call);
          break;
        case "usage":
          usage = event.usage;
          break;
        case "done":
          return { failure: null, usage };
        case "error":
          return { failure: event.failure, usage };
      }
    }
  } catch (error) {
    logger.error({ error }, "The runtime threw instead of reporting a failure.");
    const disk = diskProblem(error);
    if (disk !== null) return { failure: { kind: "disk_full", message: disk }, usage };
    return { failure: broken("The agent runtime broke down during the turn."), usage };
  }
  return { failure: broken("The agent runtime ended the turn without a result."), usage };
}

/**
 * Runs the turn to its end, or until `signal` is aborted: then the runtime is asked to stop the turn, and when it does
 * not, `forceStop` ends the runtime. `null` when the turn was aborted.
 */
export async function runInRuntime(
  runtime: Runtime,
  input: TurnInput,
  deltas: DeltaStream,
  { signal, forceStop, logger }: { signal: AbortSignal; forceStop: () => Promise<void>; logger: Logger },
): Promise<TurnOutput | null> {
  const output = consume(runtime, input, deltas, logger);
  let stopWaiting = () => {};
  const aborted = new Promise<null>((resolve) => {
    stopWaiting = () => resolve(null);
    if (signal.aborted) stopWaiting();
    else signal.addEventListener("abort", stopWaiting, { once: true });
  });
  const result = await Promise.race([output, aborted]);
  signal.removeEventListener("abort", stopWaiting);
  if (!signal.aborted) return result;

  const aborting = runtime.abort(input.turnId);
  aborting.catch((error: unknown) => logger.warn({ reason: errorMessage(error) }, "The runtime could not abort."));
  if (!(await settledWithin(output, ABORT_TIMEOUT_MS))) {
    logger.warn("The runtime did not abort the turn in time; it is being stopped.");
    await forceStop();
  }
  return null;
}

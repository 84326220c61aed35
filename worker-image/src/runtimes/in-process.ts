/** What runtimes that live within the worker's own process have in common: one turn at a time, with one end, however it goes. */
import { mkdir } from "node:fs/promises";
import { NO_EXCLUDES, type Excludes } from "../snapshots/tree-scan.js";
import type {
  Runtime,
  RuntimeCapabilities,
  RuntimeContext,
  RuntimeEvent,
  RuntimeFailure,
  TurnInput,
} from "./runtime.js";

const ABORTED: RuntimeFailure = { kind: "aborted", message: "The turn was stopped." };

export abstract class InProcessRuntime implements Runtime {
  abstract readonly capabilities: RuntimeCapabilities;
  private running: { turnId: string; abort: AbortController } | null = null;
  private isStarted = false;

  constructor(protected readonly context: RuntimeContext) {}

  /** Everything of a turn but its end: `done`, or what {@link explain} makes of an error. */
  protected abstract turn(input: TurnInput, signal: AbortSignal): AsyncGenerator<RuntimeEvent>;

  protected abstract explain(error: unknown): RuntimeFailure;

  async start(): Promise<void> {
    const { workspaceDirectory, stateDirectory, temporaryDirectory } = this.context;
    for (const folder of [workspaceDirectory, stateDirectory, temporaryDirectory]) {
      await mkdir(folder, { recursive: true });
    }
    this.isStarted = true;
  }

  async health(): Promise<{ isHealthy: boolean; detail?: string }> {
    return this.isStarted ? { isHealthy: true } : { isHealthy: false, detail: "It has not been started." };
  }

  async *runTurn(input: TurnInput): AsyncGenerator<RuntimeEvent> {
    if (!this.isStarted || this.running !== null) {
      const message = this.isStarted ? "A turn is running already." : "The runtime has not been started.";
      yield { type: "error", failure: { kind: "runtime_crashed", message } };
      return;
    }
    const abort = new AbortController();
    const mine = { turnId: input.turnId, abort };
    this.running = mine;
    try {
      yield* this.turn(input, abort.signal);
      yield abort.signal.aborted ? { type: "error", failure: ABORTED } : { type: "done" };
    } catch (error) {
      yield { type: "error", failure: abort.signal.aborted ? ABORTED : this.explain(error) };
    } finally {
      // Also when whoever listens has stopped listening: nothing must go on behind its back.
      abort.abort();
      if (this.running === mine) this.running = null;
    }
  }

  async abort(turnId: string): Promise<void> {
    if (this.running?.turnId === turnId) this.running.abort.abort();
  }

  async quiesce(): Promise<() => Promise<void>> {
    // Between turns nothing of it runs, so nothing can write.
    return async () => {};
  }

  async stop(): Promise<void> {
    this.isStarted = false;
    this.running?.abort.abort();
    // A turn that hangs in the system, in a read that never ends, must not keep the next one waiting.
    this.running = null;
  }

  snapshotExcludes(): Excludes {
    return NO_EXCLUDES;
  }
}

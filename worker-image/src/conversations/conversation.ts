/** One conversation on this worker: its folder, its runtime, and the rule that only one turn at a time has them. */
import { mkdir } from "node:fs/promises";
import { removeTree } from "../locked-folders.js";
import type { Logger } from "../logger.js";
import type { Runtime, RuntimeContext, StartInput } from "../runtimes/runtime.js";
import { withoutSkills } from "../skills/directory.js";
import { settledWithin, untilAborted, withTimeout } from "../timing.js";
import { conversationPaths, type ConversationPaths } from "../workspaces/paths.js";
import { Workspace } from "../workspaces/workspace.js";

/** A gateway with its plugins takes half a minute on a small machine. */
const START_TIMEOUT_MS = 120_000;
/** Whether it is well can be said at once; whoever cannot say is not. */
const HEALTH_TIMEOUT_MS = 10_000;
/** A gateway waits some seconds for what a turn has left running, then ends it; a runtime that takes longer is ended itself. */
const QUIESCE_TIMEOUT_MS = 30_000;
/** A runtime that does not stop within this is left behind; its process group dies with the worker. */
const STOP_TIMEOUT_MS = 10_000;

export class Conversation {
  readonly workspace: Workspace;
  readonly runtime: Runtime;
  private isStarted = false;
  private occupied: Promise<void> = Promise.resolve();
  private waiting = 0;
  private readonly paths: ConversationPaths;
  lastUsed = 0;

  constructor(
    readonly conversationId: string,
    dataDirectory: string,
    createRuntime: (context: RuntimeContext) => Runtime,
    private readonly logger: Logger,
    private readonly quiesceTimeoutMs = QUIESCE_TIMEOUT_MS,
  ) {
    this.paths = conversationPaths(dataDirectory, conversationId);
    this.runtime = createRuntime({
      conversationId,
      workspaceDirectory: this.paths.workspace,
      stateDirectory: this.paths.state,
      temporaryDirectory: this.paths.temporary,
      logger,
    });
    this.workspace = new Workspace(conversationId, this.paths, withoutSkills(this.runtime.snapshotExcludes()));
  }

  /** Nobody uses it and nobody waits for it. */
  get isIdle(): boolean {
    return this.waiting === 0;
  }

  get isWarm(): boolean {
    return this.isStarted;
  }

  /** Runs `work` when nobody else has the conversation: a turn that is being aborted still cleans up behind itself. */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    this.waiting++;
    const mine = this.occupied.then(work);
    this.occupied = mine.then(
      () => {},
      () => {},
    );
    try {
      return await mine;
    } finally {
      this.waiting--;
      this.lastUsed = Date.now();
    }
  }

  /**
   * The runtime, ready for a turn of this agent; one that is no longer healthy is started anew.
   *
   * @param signal ends the start, which may take long, together with the turn
   */
  async startedRuntime(input: StartInput, signal: AbortSignal): Promise<Runtime> {
    if (this.isStarted && !(await this.isHealthy())) await this.stopRuntime();
    if (!this.isStarted) await mkdir(this.paths.temporary, { recursive: true, mode: 0o700 });
    // Set first: what has been started half must be stopped too.
    this.isStarted = true;
    const late = () => new Error(`The agent runtime was not ready within ${START_TIMEOUT_MS / 1_000} seconds.`);
    const starting = this.runtime.start(input);
    starting.catch(() => {});
    try {
      await withTimeout(Promise.race([starting, untilAborted(signal)]), START_TIMEOUT_MS, late);
      signal.throwIfAborted();
    } catch (error) {
      await this.stopRuntime();
      throw error;
    }
    return this.runtime;
  }

  private async isHealthy(): Promise<boolean> {
    const late = () => new Error("The runtime did not say how it is.");
    return await withTimeout(this.runtime.health(), HEALTH_TIMEOUT_MS, late).then(
      ({ isHealthy }) => isHealthy,
      () => false,
    );
  }

  /** Makes the runtime's files stand still, in the worst case by stopping it; the returned function ends that. */
  async quiesce(): Promise<() => Promise<void>> {
    const late = () => new Error("The runtime does not stand still.");
    try {
      return await withTimeout(this.runtime.quiesce(), this.quiesceTimeoutMs, late);
    } catch (error) {
      this.logger.warn({ error }, "The runtime is stopped, so that its files can be saved.");
      await this.stopRuntime();
      return async () => {};
    }
  }

  async stopRuntime(): Promise<void> {
    if (!this.isStarted) return;
    const stopping = this.runtime.stop();
    stopping.catch((error: unknown) => this.logger.warn({ error }, "The runtime did not stop cleanly."));
    if (!(await settledWithin(stopping, STOP_TIMEOUT_MS))) this.logger.warn("The runtime did not stop in time.");
    this.isStarted = false;
    await removeTree(this.paths.temporary);
  }
}

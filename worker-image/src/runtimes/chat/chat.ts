/** The runtime for any model behind an OpenAI-compatible API: it streams, uses tools in the workspace, and keeps its own transcript. */
import { mkdir } from "node:fs/promises";
import { diskProblem } from "../../disk-failure.js";
import { errorMessage } from "../../logger.js";
import { NO_EXCLUDES, type Excludes } from "../../snapshots/tree-scan.js";
import type {
  Runtime,
  RuntimeCapabilities,
  RuntimeContext,
  RuntimeEvent,
  RuntimeFailure,
  RuntimeKind,
  TurnInput,
} from "../runtime.js";
import type { ChatMessage } from "./messages.js";
import { ModelFailed } from "./model-failure.js";
import { systemPrompt } from "./prompt.js";
import { readChatSettings, CHAT_VARIABLES, type ChatSettings } from "./settings.js";
import { Toolbox } from "./tools/toolbox.js";
import { fromHistory, newNotes, readTranscript, writeTranscript } from "./transcript.js";
import { runSteps } from "./turn-loop.js";

export const chatRuntimeKind: RuntimeKind = {
  configure(environment) {
    const settings = readChatSettings(environment);
    return (context) => new ChatRuntime(context, settings);
  },
};

const ABORTED: RuntimeFailure = { kind: "aborted", message: "The turn was stopped." };

class ChatRuntime implements Runtime {
  readonly capabilities: RuntimeCapabilities = { streamsText: true, reportsTools: true, usageUnit: "tokens" };
  private running: { turnId: string; abort: AbortController } | null = null;
  private isStarted = false;

  constructor(
    private readonly context: RuntimeContext,
    private readonly settings: ChatSettings,
  ) {}

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
    this.running = { turnId: input.turnId, abort };
    try {
      yield* this.turn(input, abort.signal);
      yield abort.signal.aborted ? { type: "error", failure: ABORTED } : { type: "done" };
    } catch (error) {
      yield { type: "error", failure: abort.signal.aborted ? ABORTED : this.explain(error) };
    } finally {
      // Also when whoever listens has stopped listening: the request must not go on behind its back.
      abort.abort();
      this.running = null;
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
  }

  snapshotExcludes(): Excludes {
    return NO_EXCLUDES;
  }

  private async *turn(input: TurnInput, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    const { stateDirectory, workspaceDirectory, temporaryDirectory } = this.context;
    const model = input.agent.model ?? this.settings.model;
    if (model === null) {
      const message = `No model is set. Set ${CHAT_VARIABLES.model}, or the model of the agent.`;
      throw new ModelFailed("config_error", message);
    }
    const { [this.settings.keyVariable]: key, ...environment } = input.environment;
    const record = await readTranscript(stateDirectory);
    const earlier = record ?? fromHistory(input.history);
    const notes = record === null ? [] : newNotes(input.history);
    const current: ChatMessage[] = [...notes, { role: "user", content: input.message }];
    const toolbox = new Toolbox(input.agent.tools);
    yield* runSteps({
      turnId: input.turnId,
      settings: this.settings,
      model,
      key: key ?? null,
      system: systemPrompt(input.agent, toolbox.names, input.skills),
      earlier,
      current,
      toolbox,
      // The key is the runtime's: what the agent starts has no use for it.
      toolContext: { workspaceDirectory, temporaryDirectory, environment, secrets: input.environment, signal },
      signal,
    });
    // A turn that failed or was stopped leaves no trace: it will be tried again from here.
    if (!signal.aborted) await writeTranscript(stateDirectory, [...earlier, ...current]);
  }

  private explain(error: unknown): RuntimeFailure {
    if (error instanceof ModelFailed) {
      const { kind, message, retryAfterMs } = error;
      return { kind, message, ...(retryAfterMs !== undefined && { retryAfterMs }) };
    }
    this.context.logger.error({ reason: errorMessage(error) }, "The chat runtime failed.");
    const disk = diskProblem(error);
    if (disk !== null) return { kind: "disk_full", message: disk };
    return { kind: "runtime_crashed", message: "The chat runtime failed; the log of the worker says why." };
  }
}

/** The runtime for any model behind an OpenAI-compatible API: it streams, uses tools in the workspace, and keeps its own transcript. */
import { diskProblem } from "../../disk-failure.js";
import { errorMessage } from "../../logger.js";
import { InProcessRuntime } from "../in-process.js";
import type {
  RuntimeCapabilities,
  RuntimeContext,
  RuntimeEvent,
  RuntimeFailure,
  RuntimeKind,
  TurnInput,
} from "../runtime.js";
import type { ChatMessage } from "./messages.js";
import { newDialect, type Dialect } from "./model-client.js";
import { ModelFailed } from "./model-failure.js";
import { systemPrompt } from "./prompt.js";
import { readChatSettings, CHAT_VARIABLES, type ChatSettings } from "./settings.js";
import { Toolbox } from "./tools/toolbox.js";
import { fromHistory, newNotes, readTranscript, writeTranscript } from "./transcript.js";
import { runSteps } from "./turn-loop.js";

export const chatRuntimeKind: RuntimeKind = {
  configure(environment) {
    const settings = readChatSettings(environment);
    const dialect = newDialect();
    return (context) => new ChatRuntime(context, settings, dialect);
  },
};

class ChatRuntime extends InProcessRuntime {
  readonly capabilities: RuntimeCapabilities = { streamsText: true, reportsTools: true, usageUnit: "tokens" };

  constructor(
    context: RuntimeContext,
    private readonly settings: ChatSettings,
    private readonly dialect: Dialect,
  ) {
    super(context);
  }

  protected async *turn(input: TurnInput, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
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
      // As it came from a file, it may end with the end of a line.
      key: key?.trim() || null,
      dialect: this.dialect,
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

  protected explain(error: unknown): RuntimeFailure {
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

/** The openclaw runtime without a worker around it, for tests that look closely. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { TranscriptEntry } from "../../src/shared/payload.js";
import { createLogger, SecretFilter } from "../../worker-image/src/logger.js";
import { CHAT_VARIABLES } from "../../worker-image/src/runtimes/chat/settings.js";
import { OPENCLAW_VARIABLES } from "../../worker-image/src/runtimes/openclaw/settings.js";
import { configureRuntime } from "../../worker-image/src/runtimes/registry.js";
import type { Runtime, RuntimeContext, RuntimeEvent } from "../../worker-image/src/runtimes/runtime.js";
import { ModelStub } from "../../worker-image/src/testing/model-stub.js";
import { temporaryDirectory } from "../../worker-image/src/testing/temporary.js";
import { turnInput } from "../../worker-image/src/testing/turn-input.js";
import { installOpenClaw } from "./installation.js";
import { modelScript } from "./model.js";

/** The key of the model's provider; no file, process, event or log of OpenClaw may hold it. */
export const MODEL_KEY = "key-of-the-model-3f9c1d77";

/** The worker's environment for this runtime. */
export async function openClawEnvironment(stub: ModelStub): Promise<Record<string, string>> {
  const { node, entry } = await installOpenClaw();
  return {
    [OPENCLAW_VARIABLES.node]: node,
    [OPENCLAW_VARIABLES.entry]: entry,
    [CHAT_VARIABLES.baseUrl]: stub.baseUrl,
    [CHAT_VARIABLES.model]: "stub-1",
    [CHAT_VARIABLES.inputPrice]: "1",
    [CHAT_VARIABLES.outputPrice]: "2",
  };
}

export type DirectRuntime = {
  runtime: Runtime;
  /** What a snapshot would hold. */
  root: string;
  context: RuntimeContext;
  stub: ModelStub;
  log: string[];
  start(): Promise<void>;
  /** Runs one turn and returns its events. */
  turn(
    message: string,
    onEvent?: (event: RuntimeEvent) => void,
    history?: readonly TranscriptEntry[],
  ): Promise<RuntimeEvent[]>;
};

/** @param settings more of the worker's environment */
export async function directRuntime(settings: Record<string, string> = {}): Promise<DirectRuntime> {
  const [root, temporary] = [await temporaryDirectory(), await temporaryDirectory()];
  const stub = await ModelStub.start((stop) => onTestFinished(stop), modelScript);
  const log: string[] = [];
  const context: RuntimeContext = {
    conversationId: "conversation",
    workspaceDirectory: join(root, "workspace"),
    stateDirectory: join(root, "state"),
    temporaryDirectory: temporary,
    logger: createLogger("debug", new SecretFilter(), { write: (line) => void log.push(line) }),
  };
  for (const folder of [context.workspaceDirectory, context.stateDirectory]) await mkdir(folder);
  const runtime = configureRuntime("openclaw", { ...(await openClawEnvironment(stub)), ...settings })(context);
  onTestFinished(() => runtime.stop());
  const environment = { OPENAI_API_KEY: MODEL_KEY, PLAIN_VARIABLE: "of-the-agent" };
  let turns = 0;
  return {
    runtime,
    root,
    context,
    stub,
    log,
    start: () => runtime.start(turnInput({ message: "", environment })),
    turn: async (message, onEvent = () => {}, history = []) => {
      const events: RuntimeEvent[] = [];
      const input = turnInput({ turnId: `turn-${++turns}`, message, history, environment });
      for await (const event of runtime.runTurn(input)) {
        events.push(event);
        onEvent(event);
      }
      return events;
    },
  };
}

export const textOf = (events: readonly RuntimeEvent[]): string =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

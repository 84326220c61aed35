/** A conversation with the chat runtime, whose provider is on loopback and answers as a script says. For tests. */
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createLogger, SecretFilter } from "../../../logger.js";
import { ModelStub, toolResults, type ModelReply, type ModelScript } from "../../../testing/model-stub.js";
import { temporaryDirectory } from "../../../testing/temporary.js";
import { turnInput } from "../../../testing/turn-input.js";
import { configureRuntime } from "../../registry.js";
import type { Runtime, RuntimeEvent, TurnInput } from "../../runtime.js";

export const KEY = "sk-test-0123456789abcdefghij";

export const chat = (stub: ModelStub, environment: Record<string, string> = {}) =>
  configureRuntime("chat", {
    AGENT_FACTORY_CHAT_BASE_URL: `${stub.baseUrl}/`,
    AGENT_FACTORY_CHAT_MODEL: "stub-1",
    ...environment,
  });

export type Conversation = {
  stub: ModelStub;
  runtime: Runtime;
  root: string;
  file(name: string): string;
  turn(input: string | (Partial<TurnInput> & { message: string })): Promise<RuntimeEvent[]>;
  say(message: string): Promise<string>;
};

export async function conversation(
  script: ModelScript,
  environment: Record<string, string> = {},
): Promise<Conversation> {
  const stub = await ModelStub.start(onTestFinished, script);
  const root = await temporaryDirectory();
  const [workspaceDirectory, stateDirectory] = [join(root, "workspace"), join(root, "state")];
  const createRuntime = chat(stub, environment);
  const runtime = createRuntime({
    conversationId: "c",
    workspaceDirectory,
    stateDirectory,
    temporaryDirectory: join(root, "temporary"),
    logger: createLogger("silent", new SecretFilter()),
  });
  await runtime.start(turnInput({ message: "" }));
  let turns = 0;
  const turn: Conversation["turn"] = async (input) => {
    const seen: RuntimeEvent[] = [];
    const given = typeof input === "string" ? { message: input } : input;
    for await (const event of runtime.runTurn(turnInput({ turnId: `t${++turns}`, ...given }))) seen.push(event);
    return seen;
  };
  const say = async (message: string) => textOf(await turn(message));
  return { stub, runtime, root, turn, say, file: (name) => join(workspaceDirectory, name) };
}

export const textOf = (events: readonly RuntimeEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");
export const failureOf = (events: readonly RuntimeEvent[]) => {
  const last = events.at(-1);
  return last?.type === "error" ? last.failure : null;
};
export const calls = (...toolCalls: NonNullable<ModelReply["toolCalls"]>): ModelReply => ({ toolCalls });
/** One tool call, whose result the model then repeats word for word. */
export const oneCall =
  (name: string, given: unknown): ModelScript =>
  (request) =>
    toolResults(request).length === 0 ? calls({ name, arguments: given }) : { text: toolResults(request) };

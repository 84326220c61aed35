/** One turn of a chat: asks the model, does what it asks for, and asks again, until it has said all or a limit is reached. */
import { MAX_REPLY_CHARACTERS } from "../../../../src/shared/worker-protocol.js";
import type { Usage } from "../../../../src/shared/payload.js";
import { jitteredBackoffMs, sleep } from "../../timing.js";
import type { RuntimeEvent } from "../runtime.js";
import { estimateTokens, fitting } from "./context.js";
import type { ChatMessage, ToolRequest } from "./messages.js";
import { askModel, type Dialect, type ModelAnswer } from "./model-client.js";
import { ModelFailed } from "./model-failure.js";
import type { ChatSettings } from "./settings.js";
import type { ToolContext } from "./tools/tool.js";
import type { Toolbox } from "./tools/toolbox.js";

export type TurnRequest = {
  turnId: string;
  settings: ChatSettings;
  model: string;
  key: string | null;
  dialect: Dialect;
  system: string;
  earlier: readonly ChatMessage[];
  /** What this turn begins with; its steps are added to it. */
  current: ChatMessage[];
  toolbox: Toolbox;
  toolContext: ToolContext;
  signal: AbortSignal;
};

/** Tries of one request; after that the queue decides when it is worth another. */
const MAX_TRIES = 3;
const RETRY = { baseMs: 500, factor: 4, capMs: 5_000, jitter: 0.25 };
/** Longer pauses are the queue's: a worker that waits could run something else. */
const MAX_PATIENCE_MS = 5_000;
/** A request that the provider calls too long is tried once more with this share of the tokens. */
const SMALLER = 0.5;

/** Yields text, tool calls and usage; what ends the turn is thrown, or nothing when it is done. @throws ModelFailed */
export async function* runSteps(request: TurnRequest): AsyncGenerator<RuntimeEvent> {
  const { settings, current, signal } = request;
  const tools = request.toolbox.descriptions;
  const spent: Usage = { inputTokens: 0, outputTokens: 0 };
  let said = 0;
  for (let step = 1; step <= settings.maxSteps; step++) {
    let content = "";
    let answer: ModelAnswer | null = null;
    for await (const part of ask(request, tools)) {
      if (part.type === "end") {
        answer = part.answer;
        spent.inputTokens += answer.usage?.inputTokens ?? part.estimatedInput;
        spent.outputTokens += answer.usage?.outputTokens ?? estimateTokens({ role: "assistant", content });
        yield { type: "usage", usage: priced(spent, settings.price) };
        continue;
      }
      // A new step begins a new paragraph.
      const text = content === "" && said > 0 ? `\n\n${part.text}` : part.text;
      content += part.text;
      said += text.length;
      yield { type: "text", text };
      // The rest would be cut off anyway, and paid for.
      if (said > MAX_REPLY_CHARACTERS) break;
    }
    if (answer === null) {
      // Broken off, so the provider did not say what it cost.
      spent.outputTokens += estimateTokens({ role: "assistant", content });
      yield { type: "usage", usage: priced(spent, settings.price) };
    }
    const toolCalls = withIds(answer?.toolCalls ?? [], step);
    current.push({ role: "assistant", content, ...(toolCalls.length > 0 && { toolCalls }) });
    if (toolCalls.length === 0) {
      if (said === 0) throw nothingSaid(answer);
      if (answer?.finishReason === "length") yield { type: "text", text: cutNotice(settings) };
      return;
    }
    for (const [index, call] of toolCalls.entries()) {
      yield* useTool(request, call, `${request.turnId}/${step}.${index + 1}`);
      if (signal.aborted) return;
    }
  }
  throw new ModelFailed(
    "budget_exceeded",
    `The agent did not come to an end within ${settings.maxSteps} steps. Ask for less at once, or raise the limit.`,
  );
}

type Asked = { type: "text"; text: string } | { type: "end"; answer: ModelAnswer; estimatedInput: number };

/** One request, tried again as long as nothing of its answer has been shown. */
async function* ask(request: TurnRequest, tools: Toolbox["descriptions"]): AsyncGenerator<Asked> {
  const { settings, model, key, dialect, signal } = request;
  let share = 1;
  for (let attempt = 1; ; attempt++) {
    const messages = fit(request, tools, share);
    let isShown = false;
    try {
      const { maxOutputTokens } = settings;
      const question = { model, key, dialect, messages, tools, maxOutputTokens, signal };
      for await (const part of askModel(settings.baseUrl, question)) {
        isShown = true;
        if (part.type === "text") yield part;
        else yield { ...part, estimatedInput: messages.reduce((sum, each) => sum + estimateTokens(each), 0) };
      }
      return;
    } catch (error) {
      if (!(error instanceof ModelFailed) || isShown || signal.aborted || attempt >= MAX_TRIES) throw error;
      if (error.kind === "context_overflow" && share === 1) share = SMALLER;
      else if (!PASSING.has(error.kind) || (error.retryAfterMs ?? 0) > MAX_PATIENCE_MS) throw error;
      else await sleep(error.retryAfterMs ?? jitteredBackoffMs(RETRY, attempt), signal);
    }
  }
}

const PASSING: ReadonlySet<string> = new Set(["unreachable", "overloaded", "rate_limited", "timeout"]);

function fit({ settings, system, earlier, current }: TurnRequest, tools: Toolbox["descriptions"], share: number) {
  const first: ChatMessage = { role: "system", content: system };
  const fixed = estimateTokens(first) + estimateTokens({ role: "system", content: JSON.stringify(tools) });
  const budget = (settings.contextTokens - settings.maxOutputTokens) * share - fixed;
  const messages = fitting(earlier, current, budget);
  if (messages === null) throw new ModelFailed("context_overflow", "The message is too long for the model.");
  return [first, ...messages];
}

async function* useTool(
  { toolbox, toolContext, current }: TurnRequest,
  request: ToolRequest,
  callId: string,
): AsyncGenerator<RuntimeEvent> {
  const call = { toolName: request.name.slice(0, MAX_TOOL_NAME), callId };
  yield { type: "tool", call: { ...call, status: "running" } };
  let isFailed = true;
  try {
    const result = await toolbox.use(request, toolContext);
    isFailed = result.isFailed;
    current.push({ role: "tool", callId: request.id, content: result.content });
  } finally {
    yield { type: "tool", call: { ...call, status: isFailed ? "failed" : "done" } };
  }
}

/** A model may invent any name; what is shown of it is bounded. */
const MAX_TOOL_NAME = 64;

/** Some providers give no id, or the same one again and again. */
function withIds(calls: readonly ToolRequest[], step: number): ToolRequest[] {
  const seen = new Set<string>();
  return calls.map((call, index) => {
    const isUsable = call.id !== "" && !seen.has(call.id);
    seen.add(call.id);
    return isUsable ? call : { ...call, id: `call${step}x${index}` };
  });
}

const cutNotice = ({ maxOutputTokens }: ChatSettings) =>
  `\n\n[The answer was cut off here: an answer of the model has at most ${maxOutputTokens} tokens.]`;

function nothingSaid(answer: ModelAnswer | null): ModelFailed {
  if (answer?.finishReason === "content_filter") {
    return new ModelFailed("invalid_input", "The model provider refuses to answer this message.");
  }
  return answer?.finishReason === "length"
    ? new ModelFailed("context_overflow", "The model had no room left for an answer.")
    : new ModelFailed("unknown", "The model gave no answer.");
}

function priced({ inputTokens, outputTokens }: Usage, price: ChatSettings["price"]): Usage {
  const usage = { inputTokens, outputTokens };
  if (price === null) return usage;
  return { ...usage, costUsd: (inputTokens * price.input + outputTokens * price.output) / 1_000_000 };
}

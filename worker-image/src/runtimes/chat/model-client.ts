/** Asks a model over the OpenAI-compatible chat API, streaming, and hands on text and tool calls as they come. */
import { Agent, request } from "undici";
import { z } from "zod";
import { parseJson } from "../../files.js";
import { eventData } from "./events.js";
import type { ChatMessage, ToolRequest } from "./messages.js";
import { ModelFailed, refusal } from "./model-failure.js";
import { replayable, ToolCallPieces } from "./tool-calls.js";

/** How providers differ in what they accept; found out while asking. */
export type Dialect = {
  /** Of an answer's length. Old models know only the first, new ones only the second. */
  limitName: "max_tokens" | "max_completion_tokens";
};

export const newDialect = (): Dialect => ({ limitName: "max_tokens" });

export type ModelQuestion = {
  model: string;
  messages: readonly ChatMessage[];
  tools: readonly ToolDescription[];
  maxOutputTokens: number;
  /** `null`: the provider wants none. */
  key: string | null;
  /** Corrected when the provider says that it is wrong, for all later questions too. */
  dialect: Dialect;
  signal: AbortSignal;
};

export type ToolDescription = { name: string; description: string; parameters: object };

export type ModelPart = { type: "text"; text: string } | { type: "end"; answer: ModelAnswer };

export type ModelAnswer = {
  toolCalls: ToolRequest[];
  /** `null` when the provider does not say. */
  usage: { inputTokens: number; outputTokens: number } | null;
  finishReason: string | null;
};

/** Models that think before they speak are silent for a minute or two. */
const SILENCE_TIMEOUT_MS = 180_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A refusal is a short JSON text. */
const MAX_REFUSAL_BYTES = 64 * 1024;
const agent = new Agent({
  connect: { timeout: CONNECT_TIMEOUT_MS },
  headersTimeout: SILENCE_TIMEOUT_MS,
  bodyTimeout: SILENCE_TIMEOUT_MS,
});

const vChunk = z.looseObject({
  choices: z
    .array(
      z.looseObject({
        delta: z
          .looseObject({
            content: z.string().nullish(),
            tool_calls: z
              .array(
                z.looseObject({
                  index: z.number().int().nonnegative().nullish(),
                  id: z.string().nullish(),
                  function: z.looseObject({ name: z.string().nullish(), arguments: z.string().nullish() }).nullish(),
                }),
              )
              .nullish(),
          })
          .nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z
    .looseObject({ prompt_tokens: z.number().nonnegative(), completion_tokens: z.number().nonnegative() })
    .nullish()
    // An answer is worth more than the count of what it cost.
    .catch(null),
  error: z.unknown().optional(),
});

/**
 * Asks once. Text comes as it arrives; the last part is the end.
 *
 * @throws ModelFailed
 */
export async function* askModel(baseUrl: string, question: ModelQuestion): AsyncGenerator<ModelPart> {
  const { key, signal } = question;
  const clean = (text: string) => (key === null ? text : text.replaceAll(key, "[redacted]"));
  try {
    const { dialect } = question;
    const { limitName } = dialect;
    let response = await send(baseUrl, question);
    if (response.statusCode !== 200) {
      const refused = await readRefusal(response);
      if (!isAboutLimitName(refused)) throw asFailure(refused, clean);
      // Whoever asked at the same time may have found it out already.
      dialect.limitName = limitName === "max_tokens" ? "max_completion_tokens" : "max_tokens";
      response = await send(baseUrl, question);
      if (response.statusCode !== 200) throw asFailure(await readRefusal(response), clean);
    }
    yield* readAnswer(response.body, clean);
  } catch (error) {
    if (error instanceof ModelFailed || signal.aborted) throw error;
    // Messages of HTTP libraries may quote the request.
    const code = error instanceof Error && "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
    throw new ModelFailed("unreachable", `The model provider cannot be reached, or broke off${code}.`);
  }
}

async function send(baseUrl: string, question: ModelQuestion) {
  const { key, signal } = question;
  return await request(`${baseUrl}/chat/completions`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "text/event-stream",
      ...(key !== null && { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify(requestBody(question)),
    dispatcher: agent,
    signal,
  });
}

/** An answer that is none; `text` is its body, `retryAfter` its header. */
type Refusal = { status: number; text: string; retryAfter: string | undefined };

const asFailure = ({ status, text, retryAfter }: Refusal, clean: (text: string) => string) =>
  refusal(status, parseJson(text), retryAfter, clean);

/** Whoever refuses one name says which other one to use. */
const isAboutLimitName = ({ status, text }: Refusal) => status === 400 && text.includes("max_completion_tokens");

async function readRefusal({ statusCode, headers, body }: Awaited<ReturnType<typeof send>>): Promise<Refusal> {
  const retryAfter = [headers["retry-after"]].flat()[0];
  return { status: statusCode, text: await readSome(body), retryAfter };
}

async function* readAnswer(
  body: AsyncIterable<Uint8Array>,
  clean: (text: string) => string,
): AsyncGenerator<ModelPart> {
  const calls = new ToolCallPieces();
  let usage: ModelAnswer["usage"] = null;
  let finishReason: string | null = null;
  for await (const data of eventData(body)) {
    if (data === "[DONE]") {
      finishReason ??= "stop";
      break;
    }
    const chunk = vChunk.safeParse(parseJson(data));
    if (!chunk.success) throw new ModelFailed("unreachable", "The model provider answered in an unknown form.");
    if (chunk.data.error != null) throw refusal(503, chunk.data, undefined, clean);
    if (chunk.data.usage != null) {
      usage = { inputTokens: chunk.data.usage.prompt_tokens, outputTokens: chunk.data.usage.completion_tokens };
    }
    const choice = chunk.data.choices?.[0];
    if (choice === undefined) continue;
    finishReason = choice.finish_reason ?? finishReason;
    if (choice.delta?.content != null && choice.delta.content !== "")
      yield { type: "text", text: choice.delta.content };
    for (const piece of choice.delta?.tool_calls ?? []) calls.add(piece);
  }
  if (finishReason === null) throw new ModelFailed("unreachable", "The model provider broke off in mid-answer.");
  yield { type: "end", answer: { toolCalls: calls.all(), usage, finishReason } };
}

function requestBody({ model, messages, tools, maxOutputTokens, dialect }: ModelQuestion): object {
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    [dialect.limitName]: maxOutputTokens,
    messages: messages.map(wireMessage),
    ...(tools.length > 0 && { tools: tools.map((tool) => ({ type: "function", function: tool })) }),
  };
}

function wireMessage(message: ChatMessage): object {
  switch (message.role) {
    case "tool":
      return { role: "tool", tool_call_id: message.callId, content: message.content };
    case "assistant": {
      const { content, toolCalls } = message;
      if (toolCalls === undefined || toolCalls.length === 0) return { role: "assistant", content };
      const calls = toolCalls.map(replayable).map(({ id, name, arguments: given }) => ({
        id,
        type: "function",
        function: { name, arguments: given },
      }));
      return { role: "assistant", content: content === "" ? null : content, tool_calls: calls };
    }
    default:
      return { role: message.role, content: message.content };
  }
}

async function readSome(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    parts.push(part);
    bytes += part.length;
    if (bytes > MAX_REFUSAL_BYTES) break;
  }
  return Buffer.concat(parts).toString("utf8");
}

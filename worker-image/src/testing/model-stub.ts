/** A model provider on loopback with the OpenAI-compatible chat API, whose answers a script decides. For tests. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";
import { sleep } from "../timing.js";
import type { OnTestFinished } from "./temporary.js";

const vContent = z
  .union([z.string(), z.null(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))])
  .optional()
  // What is no text (an image) is named, so that a script can see that it came.
  .transform((content) =>
    Array.isArray(content) ? content.map((part) => part.text ?? `[${part.type}]`).join("\n") : (content ?? ""),
  );
const vRequest = z.looseObject({
  model: z.string(),
  stream: z.boolean().optional(),
  messages: z.array(
    z.looseObject({
      role: z.string(),
      content: vContent,
      tool_call_id: z.string().optional(),
      tool_calls: z
        .array(z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) }))
        .optional(),
    }),
  ),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }) })).optional(),
});

export type ModelRequest = z.output<typeof vRequest> & { authorization: string | undefined };

export type ModelReply = {
  /** The pieces in which the text arrives. */
  text?: readonly string[];
  /** Before each piece. */
  pauseMs?: number;
  toolCalls?: readonly { name: string; arguments: unknown }[];
  usage?: { prompt_tokens: number; completion_tokens: number } | null;
  /** Instead of an answer. */
  refusal?: { status: number; message: string; code?: string; retryAfter?: string };
  /** `cut`: the connection breaks after the text. `hang`: nothing more comes. `silent`: nothing comes at all. */
  fault?: "cut" | "hang" | "silent";
  finishReason?: string;
};

export type ModelScript = (request: ModelRequest, index: number) => ModelReply;

/** What the last message of the user says, whatever has been done about it since. */
export function lastUserText({ messages }: ModelRequest): string {
  return messages.findLast(({ role }) => role === "user")?.content ?? "";
}

/** The results of tools since the user's last message, oldest first. */
export function toolResults({ messages }: ModelRequest): string[] {
  const since = messages.slice(messages.findLastIndex(({ role }) => role === "user") + 1);
  return since.filter(({ role }) => role === "tool").map(({ content }) => content);
}

/** Repeats the user's last message, word by word. */
export const repeatScript: ModelScript = (request) => ({ text: lastUserText(request).split(/(?<=\s)/) });

export class ModelStub {
  readonly requests: ModelRequest[] = [];
  /** Connections that the other side gave up before the answer was over. */
  aborted = 0;
  private port = 0;
  private readonly server = createServer((request, response) => {
    void this.answer(request, response).catch(() => response.destroy());
  });

  constructor(public script: ModelScript = repeatScript) {}

  static async start(atEnd: OnTestFinished, script?: ModelScript): Promise<ModelStub> {
    const stub = new ModelStub(script);
    await new Promise<void>((done) => stub.server.listen(0, "127.0.0.1", done));
    const address: AddressInfo | string | null = stub.server.address();
    if (typeof address === "object" && address !== null) stub.port = address.port;
    atEnd(() => stub.stop());
    return stub;
  }

  /** Where the API begins, `/v1` included. */
  get baseUrl(): string {
    return `http://127.0.0.1:${this.port}/v1`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part);
    if (request.method !== "POST" || request.url?.split("?")[0] !== "/v1/chat/completions") {
      response.writeHead(404, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message: "There is no such endpoint." } }));
      return;
    }
    const parsed = vRequest.parse(JSON.parse(Buffer.concat(parts).toString("utf8")));
    const asked: ModelRequest = { ...parsed, authorization: request.headers.authorization };
    this.requests.push(asked);
    const reply = this.script(asked, this.requests.length - 1);
    if (reply.refusal !== undefined) {
      const { status, message, code, retryAfter } = reply.refusal;
      response.writeHead(status, {
        "content-type": "application/json",
        ...(retryAfter !== undefined && { "retry-after": retryAfter }),
      });
      response.end(JSON.stringify({ error: { message, type: "error", code: code ?? null } }));
      return;
    }
    if (reply.fault === "silent") return;
    response.on("close", () => {
      if (!response.writableEnded) this.aborted++;
    });
    if (asked.stream === true) await this.stream(asked, reply, response);
    else this.whole(asked, reply, response);
  }

  private async stream({ model }: ModelRequest, reply: ModelReply, response: ServerResponse): Promise<void> {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const send = (choices: unknown[], more: object = {}) => {
      const chunk = { id: "stub", object: "chat.completion.chunk", created: 0, model, choices, ...more };
      response.write(`data: ${JSON.stringify(chunk)}\n\n`);
    };
    const delta = (content: object, finish: string | null = null) =>
      send([{ index: 0, delta: content, finish_reason: finish }]);
    delta({ role: "assistant", content: "" });
    for (const piece of reply.text ?? []) {
      if (reply.pauseMs !== undefined) await sleep(reply.pauseMs);
      if (response.destroyed) return;
      delta({ content: piece });
    }
    for (const [index, { name, arguments: given }] of (reply.toolCalls ?? []).entries()) {
      const text = typeof given === "string" ? given : JSON.stringify(given);
      const middle = text.length >> 1;
      const id = `call_${this.requests.length}_${index}`;
      // Arguments come in pieces, as they do from real providers.
      delta({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] });
      delta({ tool_calls: [{ index, function: { arguments: text.slice(0, middle) } }] });
      delta({ tool_calls: [{ index, function: { arguments: text.slice(middle) } }] });
    }
    if (reply.fault === "hang") return;
    if (reply.fault === "cut") {
      // What has been written must have arrived: it is what makes this a break in the middle.
      await sleep(100);
      response.destroy();
      return;
    }
    delta({}, reply.finishReason ?? (reply.toolCalls === undefined ? "stop" : "tool_calls"));
    const usage = usageOf(reply);
    if (usage !== null) send([], { usage });
    response.end("data: [DONE]\n\n");
  }

  private whole({ model }: ModelRequest, reply: ModelReply, response: ServerResponse): void {
    const calls = reply.toolCalls?.map(({ name, arguments: given }, index) => ({
      id: `call_${this.requests.length}_${index}`,
      type: "function",
      function: { name, arguments: typeof given === "string" ? given : JSON.stringify(given) },
    }));
    const message = { role: "assistant", content: (reply.text ?? []).join(""), ...(calls && { tool_calls: calls }) };
    const finish = reply.finishReason ?? (calls === undefined ? "stop" : "tool_calls");
    const choices = [{ index: 0, message, finish_reason: finish }];
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ id: "stub", object: "chat.completion", model, choices, usage: usageOf(reply) }));
  }
}

function usageOf({ usage, text }: ModelReply) {
  if (usage === null) return null;
  const { prompt_tokens, completion_tokens } = usage ?? { prompt_tokens: 10, completion_tokens: (text ?? []).length };
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/**
 * Stands between the gateway and its model. The gateway, and with it the agent's shell, knows a token that is worth
 * nothing elsewhere; the provider's key stays in the worker and is used only while a turn runs. So nothing that begins by
 * itself between turns can spend money.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, request } from "undici";
import { parseJson } from "../../files.js";
import { ModelFailed, refusal } from "../chat/model-failure.js";
import type { ModelAddress } from "./gateway-config.js";

/** Models that think before they speak are silent for a minute or two. */
const SILENCE_TIMEOUT_MS = 180_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A long conversation with pictures in it; providers take less. */
const MAX_REQUEST_BYTES = 32 * 1024 * 1024;
/** A refusal is a short JSON text. */
const MAX_REFUSAL_BYTES = 64 * 1024;
/**
 * OpenClaw shuts out a provider that has refused its key for minutes or hours and remembers that in the conversation's
 * state, where it would outlive the repair. So it hears of a bad request instead, which it neither repeats nor remembers.
 */
const NOT_PASSED_ON = new Set([401, 402, 403]);

const dispatcher = new Agent({
  connect: { timeout: CONNECT_TIMEOUT_MS },
  headersTimeout: SILENCE_TIMEOUT_MS,
  bodyTimeout: SILENCE_TIMEOUT_MS,
});

type OpenTurn = { key: string | null; end: AbortController; refused: ModelFailed | null };

export class ModelGate {
  private readonly token = randomBytes(32).toString("base64url");
  private turn: OpenTurn | null = null;
  private readonly server = createServer((asked, answer) => {
    void this.serve(asked, answer).catch(() => answer.destroy());
  });

  /** @param baseUrl where the provider's API begins, without a slash at its end */
  constructor(private readonly baseUrl: string) {}

  async start(): Promise<ModelAddress> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(0, "127.0.0.1", resolve);
    });
    const address = this.server.address();
    if (typeof address !== "object" || address === null) throw new Error("The model's address has no port.");
    return { baseUrl: `http://127.0.0.1:${address.port}/v1`, token: this.token };
  }

  /** Lets requests through, with this key, until {@link close}. */
  open(key: string | null): void {
    this.close();
    this.turn = { key, end: new AbortController(), refused: null };
  }

  /** Breaks off what is being asked and lets nothing more through. */
  close(): void {
    this.turn?.end.abort();
    this.turn = null;
  }

  /** Why the provider gave no answer to the last request of the turn; `null` when it did. */
  get refused(): ModelFailed | null {
    return this.turn?.refused ?? null;
  }

  async stop(): Promise<void> {
    this.close();
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async serve(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { turn } = this;
    if (!this.knows(asked.headers.authorization)) return refuse(answer, 401, "Only the gateway may ask here.");
    if (asked.method !== "POST" || asked.url !== "/v1/chat/completions") {
      return refuse(answer, 404, "Only chat completions are answered here.");
    }
    if (turn === null) return refuse(answer, 400, "No turn is running.");
    const body = await readBytes(asked, MAX_REQUEST_BYTES);
    if (body === null) return refuse(answer, 413, "The request is too large.");
    const gone = new AbortController();
    answer.once("close", () => gone.abort());
    try {
      await this.pass(turn, body, answer, AbortSignal.any([gone.signal, turn.end.signal]));
    } catch (error) {
      if (!gone.signal.aborted && !turn.end.signal.aborted) {
        const code =
          error instanceof Error && "code" in error && typeof error.code === "string" ? ` (${error.code})` : "";
        turn.refused = new ModelFailed("unreachable", `The model provider cannot be reached, or broke off${code}.`);
      }
      if (answer.headersSent) answer.destroy();
      else refuse(answer, 502, "The model provider cannot be reached.");
    }
  }

  private async pass(turn: OpenTurn, body: Buffer, answer: ServerResponse, signal: AbortSignal): Promise<void> {
    const { key } = turn;
    const response = await request(`${this.baseUrl}/chat/completions`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "text/event-stream, application/json",
        ...(key !== null && { authorization: `Bearer ${key}` }),
      },
      body,
      dispatcher,
      signal,
    });
    const { statusCode, headers } = response;
    const retryAfter = single(headers["retry-after"]);
    if (statusCode !== 200) {
      const text = (await readBytes(response.body, MAX_REFUSAL_BYTES))?.toString("utf8") ?? "";
      const clean = (said: string) => (key === null ? said : said.replaceAll(key, "[redacted]"));
      turn.refused = refusal(statusCode, parseJson(text), retryAfter, clean);
      if (NOT_PASSED_ON.has(statusCode)) return refuse(answer, 400, turn.refused.message);
      answer.writeHead(statusCode, {
        "content-type": "application/json",
        ...(retryAfter !== undefined && { "retry-after": retryAfter }),
      });
      answer.end(clean(text));
      return;
    }
    turn.refused = null;
    answer.writeHead(200, { "content-type": single(headers["content-type"]) ?? "text/event-stream" });
    for await (const part of response.body) {
      if (!answer.write(part)) await Promise.race([drained(answer), aborted(signal)]);
      signal.throwIfAborted();
    }
    answer.end();
  }

  private knows(authorization: string | undefined): boolean {
    const given = Buffer.from(authorization ?? "");
    const expected = Buffer.from(`Bearer ${this.token}`);
    return given.length === expected.length && timingSafeEqual(given, expected);
  }
}

function refuse(answer: ServerResponse, status: number, message: string): void {
  answer.writeHead(status, { "content-type": "application/json" });
  answer.end(JSON.stringify({ error: { message, type: "invalid_request_error" } }));
}

const single = (header: string | string[] | undefined) => (Array.isArray(header) ? header[0] : header);
const drained = (answer: ServerResponse) => new Promise<void>((resolve) => answer.once("drain", () => resolve()));
const aborted = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));

/** All of it, or `null` when it is longer than `limit`. */
async function readBytes(stream: AsyncIterable<unknown>, limit: number): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of stream) {
    if (!Buffer.isBuffer(part)) continue;
    length += part.length;
    if (length > limit) return null;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

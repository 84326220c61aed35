/** Reads what a bridge has answered, however wrong it is. */
import { shorten } from "../shared/text.js";

export type BridgeExecutionResult =
  | { success: true; result: unknown }
  | {
      success: false;
      kind:
        | "invalid_call"
        | "unauthorized"
        | "forbidden"
        | "not_found"
        | "rate_limited"
        | "failed"
        | "invalid_answer"
        | "unreachable"
        | "timeout"
        | "aborted";
      /** One sentence, without secrets. */
      error: string;
      /** HTTP status of the answer; `null` when there was none. */
      status: number | null;
      /** The least wait before another try, in ms, if the bridge named one. */
      retryAfterMs: number | null;
      /** No answer has come, or none that tells: the function may have run all the same. */
      mayHaveRun: boolean;
    };
type Refusal = Extract<BridgeExecutionResult, { success: false }>;

/** A result goes into a model's context; what is larger than this belongs into a file. */
const MAX_ANSWER_BYTES = 1024 * 1024;
const MAX_ERROR_CHARACTERS = 500;

export function refusal(kind: Refusal["kind"], error: string): Refusal {
  return { success: false, kind, error, status: null, retryAfterMs: null, mayHaveRun: false };
}

/** The body as text, or `null` when it is larger than an answer may be. */
export async function readText(response: Response): Promise<string | null> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > MAX_ANSWER_BYTES) {
      await reader.cancel();
      return null;
    }
    text += decoder.decode(value, { stream: true });
  }
}

/** @param secrets what an answer may quote of the request, and nobody is to see: neither in an error nor in a result */
export function parseBridgeAnswer(
  response: Response,
  received: string | null,
  secrets: readonly string[],
): BridgeExecutionResult {
  const text = received === null ? null : withoutSecrets(received, secrets);
  const { status } = response;
  const refuse = (kind: Refusal["kind"], error: string, mayHaveRun: boolean): BridgeExecutionResult => ({
    ...refusal(kind, clean(error, secrets)),
    status,
    retryAfterMs: retryAfterMs(response),
    mayHaveRun,
  });
  if (text === null) {
    return refuse("invalid_answer", `The bridge's answer is larger than ${MAX_ANSWER_BYTES} bytes.`, true);
  }
  const answer = parseObject(text);
  if (response.ok && answer?.["success"] === true) return { success: true, result: answer["result"] ?? null };
  const said = typeof answer?.["error"] === "string" ? answer["error"] : null;
  switch (status) {
    case 401:
      return refuse("unauthorized", said ?? "The bridge does not accept the service key.", false);
    case 403:
      return refuse("forbidden", said ?? "The bridge does not allow this function.", false);
    case 404:
      return refuse("not_found", said ?? "The bridge does not know this function.", false);
    case 429:
      return refuse("rate_limited", said ?? "The bridge has been called too often.", false);
  }
  if (said !== null) return refuse("failed", said, true);
  return refuse("invalid_answer", `The bridge answered with status ${status} and nothing that says why.`, true);
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : null;
  } catch {
    return null;
  }
}

/** Shorter ones are words, of which an answer may be full. */
const MIN_SECRET_CHARACTERS = 8;

/** Before it is read: in JSON a secret may look different. */
function withoutSecrets(json: string, secrets: readonly string[]): string {
  const long = secrets.filter(({ length }) => length >= MIN_SECRET_CHARACTERS);
  const forms = long.flatMap((secret) => [JSON.stringify(secret).slice(1, -1), secret]);
  return forms.reduce((cleaned, form) => cleaned.replaceAll(form, "[redacted]"), json);
}

function clean(text: string, secrets: readonly string[]): string {
  let cleaned = text;
  for (const secret of secrets) if (secret !== "") cleaned = cleaned.replaceAll(secret, "[redacted]");
  return shorten(cleaned.replace(/\s+/g, " ").trim(), MAX_ERROR_CHARACTERS);
}

/** Seconds or a date, as HTTP allows; an hour at most. */
function retryAfterMs(response: Response): number | null {
  const header = response.headers.get("Retry-After")?.trim() ?? "";
  if (header === "") return null;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - Date.now();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), 3_600_000) : null;
}

/** Turns what a model provider answered, or did not, into a kind of failure and a sentence for the user. */
import { z } from "zod";
import type { FailureKind } from "../../../../src/shared/failure.js";

export class ModelFailed extends Error {
  override readonly name = "ModelFailed";

  /** @param retryAfterMs the least wait before another try, as the provider asked for */
  constructor(
    readonly kind: FailureKind,
    message: string,
    readonly retryAfterMs?: number,
  ) {
    super(message);
  }
}

/** Providers ask for seconds or minutes; more than an hour is for the queue's own limits to decide. */
const MAX_RETRY_AFTER_MS = 3_600_000;
/** Of what the provider says; enough for its one sentence. */
const MAX_QUOTE_CHARACTERS = 200;

const vError = z.looseObject({
  error: z.union([
    z.looseObject({
      message: z.string().nullish(),
      code: z.union([z.string(), z.number()]).nullish(),
      type: z.string().nullish(),
    }),
    z.string(),
  ]),
});

/** The provider's own words and code, as far as it has given any in the usual form. */
function readError(body: unknown): { message: string; code: string } {
  const parsed = vError.safeParse(body);
  if (!parsed.success) return { message: "", code: "" };
  const { error } = parsed.data;
  if (typeof error === "string") return { message: error, code: "" };
  return { message: error.message ?? "", code: `${error.code ?? ""} ${error.type ?? ""}` };
}

const TOO_LONG = /context.{0,10}(length|window|limit)|maximum context|too many tokens|prompt is too long/i;
const NO_MONEY = /insufficient_quota|billing|credit balance|payment/i;

/** @param clean takes secrets out of what the provider says, which may quote them */
export function refusal(
  status: number,
  body: unknown,
  retryAfter: string | undefined,
  clean: (text: string) => string,
): ModelFailed {
  const { message, code } = readError(body);
  const said = message === "" ? "" : ` It says: ${clean(message).replace(/\s+/g, " ").slice(0, MAX_QUOTE_CHARACTERS)}`;
  if (NO_MONEY.test(code) || status === 402) {
    return new ModelFailed("budget_exceeded", "The account at the model provider has no budget left.");
  }
  if (status === 413 || TOO_LONG.test(`${code} ${message}`)) {
    return new ModelFailed("context_overflow", "The conversation is too long for the model.");
  }
  switch (status) {
    case 400:
    case 422:
      return new ModelFailed("invalid_input", `The model provider refused the request.${said}`);
    case 401:
      // What it says here usually repeats a part of the key.
      return new ModelFailed("unauthorized", "The model provider does not accept the key of this agent.");
    case 403:
      return new ModelFailed("forbidden", "The key of this agent may not use the model.");
    case 404:
      return new ModelFailed("config_error", `The model provider does not know the model or the address.${said}`);
    case 408:
      return new ModelFailed("timeout", "The model provider took too long.");
    case 429:
      return new ModelFailed("rate_limited", "The model provider asks for a pause.", parseRetryAfter(retryAfter));
    case 503:
    case 529:
      return new ModelFailed("overloaded", "The model provider is overloaded.", parseRetryAfter(retryAfter));
    default:
      return status >= 500
        ? new ModelFailed("unreachable", `The model provider failed with status ${status}.`)
        : new ModelFailed("config_error", `The model provider answered with the unexpected status ${status}.${said}`);
  }
}

/** The header's value, seconds or a date, in ms. */
export function parseRetryAfter(value: string | undefined, nowMs = Date.now()): number | undefined {
  if (value === undefined || value.trim() === "") return undefined;
  const seconds = Number(value);
  const ms = Number.isFinite(seconds) ? seconds * 1_000 : Date.parse(value) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), MAX_RETRY_AFTER_MS) : undefined;
}

/** The chat runtime's settings, from the worker's environment. None of them is a secret. */
import { ConfigError, readInteger, type Environment } from "../../config.js";

export type ChatSettings = {
  /** Where the provider's API begins, without a slash at its end. */
  baseUrl: string;
  /** Asked unless the agent's profile names another; `null` when every profile has to. */
  model: string | null;
  /** The variable of the agent's environment that holds the provider's key; without it, no key is sent. */
  keyVariable: string;
  /** Tokens of one request, the answer included. */
  contextTokens: number;
  maxOutputTokens: number;
  /** Requests to the model in one turn. */
  maxSteps: number;
  /** USD per million tokens, when both are known. */
  price: { input: number; output: number } | null;
};

export const CHAT_VARIABLES = {
  baseUrl: "AGENT_FACTORY_CHAT_BASE_URL",
  model: "AGENT_FACTORY_CHAT_MODEL",
  keyVariable: "AGENT_FACTORY_CHAT_KEY_VARIABLE",
  contextTokens: "AGENT_FACTORY_CHAT_CONTEXT_TOKENS",
  maxOutputTokens: "AGENT_FACTORY_CHAT_MAX_OUTPUT_TOKENS",
  maxSteps: "AGENT_FACTORY_CHAT_MAX_STEPS",
  inputPrice: "AGENT_FACTORY_CHAT_USD_PER_MILLION_INPUT_TOKENS",
  outputPrice: "AGENT_FACTORY_CHAT_USD_PER_MILLION_OUTPUT_TOKENS",
} as const;

const DEFAULT_BASE_URL = "https://api.openai.com/v1";
const DEFAULT_KEY_VARIABLE = "OPENAI_API_KEY";
/** What current models of every provider take; less makes requests cheaper. */
const DEFAULT_CONTEXT_TOKENS = 100_000;
/** Thousands of words: more than any chat answer, and short enough to end within a turn. */
const DEFAULT_OUTPUT_TOKENS = 8_192;
/** Real tasks end within some twenty steps; whoever needs more than this goes round in circles. */
const DEFAULT_MAX_STEPS = 40;

/** @throws ConfigError */
export function readChatSettings(environment: Environment): ChatSettings {
  const text = (name: string) => environment[name]?.trim() ?? "";
  const baseUrl = (text(CHAT_VARIABLES.baseUrl) || DEFAULT_BASE_URL).replace(/\/+$/, "");
  const parsed = URL.canParse(baseUrl) ? new URL(baseUrl) : null;
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new ConfigError(`${CHAT_VARIABLES.baseUrl} must be a URL that starts with https:// or http://.`);
  }
  if (parsed.username !== "" || parsed.password !== "" || parsed.search !== "" || parsed.hash !== "") {
    throw new ConfigError(
      `${CHAT_VARIABLES.baseUrl} must have neither a user name, a password, a query nor a fragment.`,
    );
  }
  const keyVariable = text(CHAT_VARIABLES.keyVariable) || DEFAULT_KEY_VARIABLE;
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(keyVariable)) {
    throw new ConfigError(
      `${CHAT_VARIABLES.keyVariable} must be the name of a variable, like ${DEFAULT_KEY_VARIABLE}.`,
    );
  }
  const contextTokens = readInteger(environment, CHAT_VARIABLES.contextTokens, {
    fallback: DEFAULT_CONTEXT_TOKENS,
    min: 2_000,
    max: 10_000_000,
  });
  const maxOutputTokens = readInteger(environment, CHAT_VARIABLES.maxOutputTokens, {
    fallback: Math.min(DEFAULT_OUTPUT_TOKENS, contextTokens >> 1),
    min: 16,
    max: 1_000_000,
  });
  if (maxOutputTokens > contextTokens / 2) {
    throw new ConfigError(
      `${CHAT_VARIABLES.maxOutputTokens} must be at most half of ${CHAT_VARIABLES.contextTokens}, which is ${contextTokens}.`,
    );
  }
  return {
    baseUrl,
    model: text(CHAT_VARIABLES.model) || null,
    keyVariable,
    contextTokens,
    maxOutputTokens,
    maxSteps: readInteger(environment, CHAT_VARIABLES.maxSteps, { fallback: DEFAULT_MAX_STEPS, min: 1, max: 1_000 }),
    price: readPrice(environment),
  };
}

function readPrice(environment: Environment): ChatSettings["price"] {
  const read = (name: string) => {
    const text = environment[name]?.trim() ?? "";
    if (text === "") return null;
    if (!/^\d{1,6}(\.\d{1,9})?$/.test(text)) throw new ConfigError(`${name} must be an amount in USD, like 2.50.`);
    return Number(text);
  };
  const [input, output] = [read(CHAT_VARIABLES.inputPrice), read(CHAT_VARIABLES.outputPrice)];
  if ((input === null) !== (output === null)) {
    throw new ConfigError(`Set both ${CHAT_VARIABLES.inputPrice} and ${CHAT_VARIABLES.outputPrice}, or neither.`);
  }
  return input === null || output === null ? null : { input, output };
}

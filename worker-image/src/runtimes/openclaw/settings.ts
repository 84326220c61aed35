/** The openclaw runtime's settings, from the worker's environment. None of them is a secret. */
import { existsSync, readFileSync } from "node:fs";
import { isAbsolute } from "node:path";
import { ConfigError, readInteger, type Environment } from "../../config.js";
import { parseJson } from "../../files.js";
import { errorMessage } from "../../logger.js";
import { readChatSettings, type ChatSettings } from "../chat/settings.js";
import { isRecord, type JsonRecord } from "./json.js";

export type OpenClawSettings = {
  /** The program that runs OpenClaw, which wants Node 24.16 or newer. */
  node: string;
  /** `openclaw.mjs` of the installed package. */
  entry: string;
  /** How long OpenClaw lets one turn run; the deadline of the turn itself is usually earlier. */
  turnTimeoutSeconds: number;
  /** The model takes pictures; otherwise they are only files of the workspace. */
  sendsPictures: boolean;
  /** Configuration of the operator's own, below what the worker has to decide. */
  operatorConfig: JsonRecord;
  /** The model is reached through the same OpenAI-compatible API, and set by the same variables, as the chat runtime's. */
  model: Pick<ChatSettings, "baseUrl" | "model" | "keyVariable" | "contextTokens" | "maxOutputTokens" | "price">;
};

export const OPENCLAW_VARIABLES = {
  node: "AGENT_FACTORY_OPENCLAW_NODE",
  entry: "AGENT_FACTORY_OPENCLAW_ENTRY",
  turnTimeoutSeconds: "AGENT_FACTORY_OPENCLAW_TURN_SECONDS",
  pictures: "AGENT_FACTORY_OPENCLAW_PICTURES",
  configFile: "AGENT_FACTORY_OPENCLAW_CONFIG_FILE",
} as const;

/** Where the image puts it. */
const DEFAULT_ENTRY = "/opt/openclaw/node_modules/openclaw/openclaw.mjs";
/** The default deadline of a turn. */
const DEFAULT_TURN_SECONDS = 900;
const MAX_TURN_SECONDS = 86_400;
/** A configuration is written by hand; OpenClaw's own examples have a few KB. */
const MAX_CONFIG_BYTES = 256 * 1024;

/** @throws ConfigError, also when a file that is named is not there: better now than at the first message */
export function readOpenClawSettings(environment: Environment): OpenClawSettings {
  const text = (name: string) => environment[name]?.trim() ?? "";
  const file = (name: string, fallback: string) => {
    const path = text(name) || fallback;
    if (!isAbsolute(path)) throw new ConfigError(`${name} must be an absolute path.`);
    if (!existsSync(path)) throw new ConfigError(`There is no ${path}: install OpenClaw, or set ${name}.`);
    return path;
  };
  return {
    node: file(OPENCLAW_VARIABLES.node, process.execPath),
    entry: file(OPENCLAW_VARIABLES.entry, DEFAULT_ENTRY),
    turnTimeoutSeconds: readInteger(environment, OPENCLAW_VARIABLES.turnTimeoutSeconds, {
      fallback: DEFAULT_TURN_SECONDS,
      min: 10,
      max: MAX_TURN_SECONDS,
    }),
    sendsPictures: readPictures(text(OPENCLAW_VARIABLES.pictures)),
    operatorConfig: readOperatorConfig(text(OPENCLAW_VARIABLES.configFile)),
    model: readChatSettings(environment),
  };
}

function readPictures(value: string): boolean {
  if (value === "" || value === "model") return true;
  if (value === "files") return false;
  throw new ConfigError(`${OPENCLAW_VARIABLES.pictures} must be "model" or "files".`);
}

function readOperatorConfig(path: string): JsonRecord {
  if (path === "") return {};
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (error) {
    throw new ConfigError(`${OPENCLAW_VARIABLES.configFile} cannot be read: ${errorMessage(error)}.`);
  }
  const config = content.length > MAX_CONFIG_BYTES ? null : parseJson(content);
  if (!isRecord(config)) {
    throw new ConfigError(
      `${OPENCLAW_VARIABLES.configFile} must name a JSON file with one object of at most ${MAX_CONFIG_BYTES} bytes.`,
    );
  }
  return config;
}

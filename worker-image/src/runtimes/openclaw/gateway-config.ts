/** The configuration and environment of one conversation's gateway, as data. Pure. */
import { join } from "node:path";
import { baseEnvironment } from "../../processes/command.js";
import type { RuntimeContext, StartInput } from "../runtime.js";
import { HANDSHAKE_TIMEOUT_MS } from "./connection.js";
import { overlay, type JsonRecord } from "./json.js";
import type { OpenClawSettings } from "./settings.js";

/** The one conversation of a state folder, under the name OpenClaw knows it by. */
export const SESSION_KEY = "agent:main:conversation";

/** How OpenClaw calls the model's provider, which to it is the worker. */
const PROVIDER = "worker";

/** Where the gateway listens and what it is let in with; both new at every start. */
export type GatewayAddress = { port: number; token: string };
/** Where the gateway finds its model: an address of the worker, and a token that is worth nothing elsewhere. */
export type ModelAddress = { baseUrl: string; token: string };

export type GatewayFiles = { config: string; log: string; home: string; temporary: string };

/** Everything the gateway writes that is no part of a conversation. */
export function gatewayFiles({ temporaryDirectory }: Pick<RuntimeContext, "temporaryDirectory">): GatewayFiles {
  return {
    config: join(temporaryDirectory, "openclaw.json"),
    log: join(temporaryDirectory, "gateway.log"),
    home: join(temporaryDirectory, "home"),
    temporary: join(temporaryDirectory, "tmp"),
  };
}

/** What an operator may change. */
function defaults(): JsonRecord {
  return {
    // Most plugins bring channels, devices and scheduled work of their own, all of which the component does instead.
    plugins: { enabled: false },
    tools: { loopDetection: { enabled: true }, exec: { mode: "full" } },
    agents: { defaults: { sandbox: { mode: "off" } } },
    discovery: { mdns: { mode: "off" } },
  };
}

/** What the worker relies on, whatever the operator says. The values `${...}` are read from the environment. */
function decided(
  settings: OpenClawSettings,
  { agent }: StartInput,
  workspaceDirectory: string,
  files: GatewayFiles,
  { port }: GatewayAddress,
  modelBaseUrl: string,
  model: string,
): JsonRecord {
  const { contextTokens, maxOutputTokens, price } = settings.model;
  const cost = price === null ? {} : { cost: { ...price, cacheRead: price.input, cacheWrite: price.input } };
  return {
    gateway: {
      mode: "local",
      bind: "loopback",
      port,
      auth: { mode: "token", token: "${OPENCLAW_GATEWAY_TOKEN}" },
      controlUi: { enabled: false },
    },
    logging: { file: files.log },
    update: { checkOnStart: false },
    // Nothing may begin by itself: between turns nobody would pay for it, and nobody would save what it changed.
    cron: { enabled: false },
    tools: { exec: { notifyOnExit: false }, ...(agent.tools !== null && { allow: [...agent.tools] }) },
    agents: {
      defaults: {
        workspace: workspaceDirectory,
        skipBootstrap: true,
        timeoutSeconds: settings.turnTimeoutSeconds,
        model: { primary: `${PROVIDER}/${model}` },
        heartbeat: { every: "0m" },
      },
    },
    models: {
      mode: "replace",
      catalogRefresh: { enabled: false },
      providers: {
        [PROVIDER]: {
          baseUrl: modelBaseUrl,
          apiKey: "${AGENT_FACTORY_MODEL_TOKEN}",
          api: "openai-completions",
          models: [
            {
              id: model,
              name: model,
              reasoning: false,
              input: settings.sendsPictures ? ["text", "image"] : ["text"],
              ...cost,
              contextWindow: contextTokens,
              maxTokens: maxOutputTokens,
            },
          ],
        },
      },
    },
  };
}

/** The configuration file's content. It holds no secret. */
export function gatewayConfig(
  settings: OpenClawSettings,
  input: StartInput,
  context: Pick<RuntimeContext, "workspaceDirectory" | "temporaryDirectory">,
  gateway: GatewayAddress,
  { baseUrl }: ModelAddress,
  model: string,
): JsonRecord {
  const files = gatewayFiles(context);
  const fixed = decided(settings, input, context.workspaceDirectory, files, gateway, baseUrl, model);
  return overlay(overlay(defaults(), settings.operatorConfig), fixed);
}

/** What a worker's own environment tells about its machine; nothing of it is secret. */
const PASSED_ON = /^(?:FLY_[A-Z_]+|TZ|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|AGENT_FACTORY_GUEST_ROOT)$/;

/**
 * The environment of the gateway and so of everything the agent starts: the agent's own variables, without the key of its
 * model, below what makes the gateway run.
 */
export function gatewayEnvironment(
  { model }: OpenClawSettings,
  { environment }: StartInput,
  context: Pick<RuntimeContext, "stateDirectory" | "temporaryDirectory">,
  gateway: GatewayAddress,
  modelToken: string,
  worker: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const files = gatewayFiles(context);
  const own = Object.entries(environment).filter(
    ([name]) => name !== model.keyVariable && !/^(?:OPENCLAW_|NODE_OPTIONS$|LD_)/.test(name),
  );
  const machine: Record<string, string> = {};
  for (const [name, value] of Object.entries(worker)) {
    if (value !== undefined && PASSED_ON.test(name)) machine[name] = value;
  }
  return {
    ...Object.fromEntries(own),
    ...machine,
    ...baseEnvironment(files.home, files.temporary),
    OPENCLAW_STATE_DIR: context.stateDirectory,
    OPENCLAW_CONFIG_PATH: files.config,
    OPENCLAW_GATEWAY_TOKEN: gateway.token,
    AGENT_FACTORY_MODEL_TOKEN: modelToken,
    OPENCLAW_HANDSHAKE_TIMEOUT_MS: String(HANDSHAKE_TIMEOUT_MS),
    OPENCLAW_DISABLE_BONJOUR: "1",
    OPENCLAW_EXEC_SHELL_SNAPSHOT: "0",
    OPENCLAW_NO_RESPAWN: "1",
    OPENCLAW_NO_AUTO_UPDATE: "1",
    OPENCLAW_SKIP_CHANNELS: "1",
    OPENCLAW_SKIP_CRON: "1",
    DO_NOT_TRACK: "1",
  };
}

/** Calls functions of other apps through a bridge, for programs that run an agent's tools: resolves the settings, names the tools, sends the call. */
import {
  BRIDGE_SETTINGS,
  BRIDGE_VARIABLES,
  bridgeUrlProblem,
  type BridgeRuntimeConfig,
  type BridgeSetting,
} from "../shared/bridge.js";
import { parseBridgeAnswer, readText, refusal, type BridgeExecutionResult } from "./bridge-answer.js";

export type { BridgeExecutionResult } from "./bridge-answer.js";

/** What hydration gives a turn: `bundle.bridgeRuntimeConfig`. */
export type HydratedBridgeRuntimeConfig = BridgeRuntimeConfig | null;

/** Complete settings: a call needs all of them. */
export type ResolvedBridgeRuntimeConfig = {
  baseUrl: string;
  serviceId: string;
  serviceKey: string;
  /** The app that calls go to unless they name another one. */
  appKey: string;
  /** Where other apps answer, by app key. */
  appBaseUrls: Readonly<Record<string, string>>;
};

export type BridgeResolution = { ok: true; config: ResolvedBridgeRuntimeConfig } | { ok: false; error: string };

/**
 * Completes what hydration gave with the variables of the environment (`AGENT_BRIDGE_BASE_URL` and others), which count only
 * where hydration has nothing. The error says which settings are missing or wrong, and never quotes one.
 */
export function resolveBridgeRuntimeConfig(
  hydrated: HydratedBridgeRuntimeConfig,
  environment: Readonly<Record<string, string | undefined>> = {},
): BridgeResolution {
  const find = (setting: BridgeSetting): string | null => {
    const candidates = [hydrated?.[setting], ...BRIDGE_VARIABLES[setting].map((name) => environment[name])];
    return candidates.map((value) => value?.trim() ?? "").find((value) => value !== "") ?? null;
  };
  const [baseUrl, serviceId, appKey, serviceKey, mapJson] = BRIDGE_SETTINGS.map(find);
  if (baseUrl == null || serviceId == null || appKey == null || serviceKey == null) {
    const missing = BRIDGE_SETTINGS.filter((setting) => setting !== "appBaseUrlMapJson" && find(setting) === null);
    const how =
      "Set them with configureAgent({ bridgeConfig }) or store them as agent-bridge.<setting> with importSecret.";
    return { ok: false, error: `The bridge is not configured: ${missing.join(", ")} missing. ${how}` };
  }
  const appBaseUrls = mapJson == null ? {} : parseAppBaseUrls(mapJson);
  if (appBaseUrls === null) {
    return { ok: false, error: "appBaseUrlMapJson is not a JSON object from app keys to URLs." };
  }
  for (const [name, url] of [["baseUrl", baseUrl] as const, ...Object.entries(appBaseUrls)]) {
    const problem = bridgeUrlProblem(url);
    if (problem !== null) return { ok: false, error: `The bridge's URL (${name}) ${problem}.` };
  }
  return { ok: true, config: { baseUrl, serviceId, serviceKey, appKey, appBaseUrls } };
}

function parseAppBaseUrls(json: string): Record<string, string> | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return null;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return null;
  const urls: Record<string, string> = {};
  for (const [appKey, url] of Object.entries(parsed)) {
    if (typeof url !== "string") return null;
    urls[appKey] = url;
  }
  return urls;
}

/** Tools of a bridge begin with this; what follows is the function's key. */
const TOOL_PREFIX = "agent-bridge.";
/** The same for models that accept no dots in a tool's name: `cart.total` becomes `agent-bridge__cart__total`. */
const SAFE_TOOL_PREFIX = "agent-bridge__";
/** As bridges write them: `cart.calculatePrice`. */
const FUNCTION_KEY = /^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/;
const MAX_FUNCTION_KEY_CHARACTERS = 200;

/** The key of the function that a tool stands for, or `null` when it is not a tool of a bridge. */
export function bridgeFunctionKeyFromToolName(toolName: string): string | null {
  const key = toolName.startsWith(TOOL_PREFIX)
    ? toolName.slice(TOOL_PREFIX.length)
    : toolName.startsWith(SAFE_TOOL_PREFIX)
      ? toolName.slice(SAFE_TOOL_PREFIX.length).replaceAll("__", ".")
      : "";
  return isFunctionKey(key) ? key : null;
}

export function isBridgeToolName(toolName: string): boolean {
  return bridgeFunctionKeyFromToolName(toolName) !== null;
}

function isFunctionKey(key: string): boolean {
  return key.length <= MAX_FUNCTION_KEY_CHARACTERS && FUNCTION_KEY.test(key);
}

export type BridgeCall = {
  config: ResolvedBridgeRuntimeConfig;
  functionKey: string;
  args: Record<string, unknown>;
  /** Another app than `config.appKey`; it must be one of `config.appBaseUrls`. */
  appKey?: string | undefined;
  /** A token of the user on whose behalf the function runs, for functions that ask who is calling. */
  userToken?: string | undefined;
  /** For the whole call, in ms. Default 30,000. */
  timeoutMs?: number | undefined;
  signal?: AbortSignal | undefined;
};

/** A function behind a bridge answers a person who waits. */
const DEFAULT_TIMEOUT_MS = 30_000;
/** Longer timers fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Runs a function through the bridge and never throws. A call is sent once: whether one without an answer has run is not
 * known (`mayHaveRun`), so only its caller can say if repeating it is harmless.
 */
export async function executeBridgeFunction(call: BridgeCall): Promise<BridgeExecutionResult> {
  const { config, functionKey, args, userToken, timeoutMs = DEFAULT_TIMEOUT_MS } = call;
  if (!isFunctionKey(functionKey)) return refusal("invalid_call", "The function key is not one, like cart.total.");
  const appKey = call.appKey ?? config.appKey;
  const baseUrl = baseUrlOf(config, appKey);
  if (baseUrl === null) {
    return refusal("invalid_call", `No URL is known for the app "${appKey}". Add it to appBaseUrlMapJson.`);
  }
  let body: string;
  try {
    body = JSON.stringify({ functionKey, args });
  } catch {
    return refusal("invalid_call", "The arguments cannot be written as JSON.");
  }
  const headers = headersOf({
    "Content-Type": "application/json",
    "X-Agent-Service-Id": config.serviceId,
    "X-Agent-Service-Key": config.serviceKey,
    "X-Agent-App": appKey,
    ...(userToken === undefined ? {} : { Authorization: `Bearer ${userToken}` }),
  });
  if (headers === null) {
    return refusal(
      "invalid_call",
      "The service id, the service key, the app's key or the user's token is no plain text.",
    );
  }
  const timeout = AbortSignal.timeout(Math.min(Math.max(0, Math.trunc(timeoutMs) || 0), MAX_TIMEOUT_MS));
  const signal = call.signal === undefined ? timeout : AbortSignal.any([timeout, call.signal]);
  try {
    const response = await fetch(`${baseUrl.replace(/\/+$/, "")}/agent/execute`, {
      method: "POST",
      headers,
      body,
      // The key must not travel to wherever an answer points.
      redirect: "manual",
      signal,
    });
    return parseBridgeAnswer(response, await readText(response), [config.serviceKey, userToken ?? ""]);
  } catch {
    // What `fetch` says may quote the request; these sentences cannot.
    if (timeout.aborted) return unanswered("timeout", `The bridge did not answer within ${timeoutMs} ms.`);
    if (call.signal?.aborted === true) return unanswered("aborted", "The call was aborted.");
    return unanswered("unreachable", "The bridge could not be reached, or its answer broke off.");
  }
}

/** `null` for a value that no header can have, such as one with the end of a line in it: nothing is sent then. */
function headersOf(values: Record<string, string>): Headers | null {
  try {
    return new Headers(values);
  } catch {
    return null;
  }
}

function unanswered(kind: "timeout" | "aborted" | "unreachable", error: string): BridgeExecutionResult {
  return { ...refusal(kind, error), mayHaveRun: true };
}

function baseUrlOf(config: ResolvedBridgeRuntimeConfig, appKey: string): string | null {
  if (Object.hasOwn(config.appBaseUrls, appKey)) return config.appBaseUrls[appKey] ?? null;
  return appKey === config.appKey ? config.baseUrl : null;
}

/** Runs the tool call if it is one of the bridge; `null` means that it is somebody else's. */
export async function maybeExecuteBridgeToolCall({
  toolName,
  ...call
}: Omit<BridgeCall, "functionKey"> & { toolName: string }): Promise<BridgeExecutionResult | null> {
  const functionKey = bridgeFunctionKeyFromToolName(toolName);
  return functionKey === null ? null : await executeBridgeFunction({ ...call, functionKey });
}

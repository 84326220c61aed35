/** The bridge through which an agent calls functions of other apps: what is configured, under which names, and what a turn gets. */
import { v, type Infer } from "convex/values";

/** What an agent's profile says about its bridge. Secrets are named here, never held. */
export const vBridgeConfig = v.object({
  enabled: v.boolean(),
  /** Where the bridge answers; https, or http on this very machine. */
  baseUrl: v.optional(v.string()),
  /** Who the agent is to the bridge. */
  serviceId: v.optional(v.string()),
  /** The app whose functions are called unless a call names another one. */
  appKey: v.optional(v.string()),
  /** The stored secret with the service key; by default {@link bridgeSecretRefs} of `serviceKey`. */
  serviceKeySecretRef: v.optional(v.string()),
  /** The stored secret with a JSON object from app keys to base URLs; by default {@link bridgeSecretRefs} of `appBaseUrlMapJson`. */
  appBaseUrlMapJsonSecretRef: v.optional(v.string()),
});
export type BridgeConfig = Infer<typeof vBridgeConfig>;

const nullableString = v.union(v.string(), v.null());

/** What hydration gives a turn; `null` stands for what is configured nowhere. */
export const vBridgeRuntimeConfig = v.object({
  baseUrl: nullableString,
  appBaseUrlMapJson: nullableString,
  serviceId: nullableString,
  appKey: nullableString,
  serviceKey: nullableString,
  /** The stored secret that `serviceKey` came from. */
  serviceKeySecretRef: nullableString,
  botIdentity: nullableString,
});
export type BridgeRuntimeConfig = Infer<typeof vBridgeRuntimeConfig>;

/** The settings that may be stored as secrets, because a profile leaves them out. */
export const BRIDGE_SETTINGS = ["baseUrl", "serviceId", "appKey", "serviceKey", "appBaseUrlMapJson"] as const;
export type BridgeSetting = (typeof BRIDGE_SETTINGS)[number];

/** Where a setting is looked for, in this order: the agent's own secret, then the one of all agents. */
export function bridgeSecretRefs(setting: BridgeSetting, agentKey: string): [own: string, common: string] {
  return [`agent-bridge.${setting}.${agentKey}`, `agent-bridge.${setting}`];
}

/**
 * The variables under which programs look for the settings. Both names of each are understood, and both are given to what a
 * turn starts, because skills written for either exist.
 */
export const BRIDGE_VARIABLES: Readonly<Record<BridgeSetting, readonly [string, string]>> = {
  baseUrl: ["OPENCLAW_AGENT_BRIDGE_BASE_URL", "AGENT_BRIDGE_BASE_URL"],
  serviceId: ["OPENCLAW_SERVICE_ID", "AGENT_BRIDGE_SERVICE_ID"],
  appKey: ["OPENCLAW_APP_KEY", "AGENT_BRIDGE_APP_KEY"],
  serviceKey: ["OPENCLAW_SERVICE_KEY", "AGENT_BRIDGE_SERVICE_KEY"],
  appBaseUrlMapJson: ["OPENCLAW_APP_BASE_URL_MAP_JSON", "APP_BASE_URL_MAP_JSON"],
};

/** The variables of a turn's environment that its bridge needs; none without a bridge. The service key is among them. */
export function bridgeEnvironment(config: BridgeRuntimeConfig | null): Record<string, string> {
  const environment: Record<string, string> = {};
  if (config === null) return environment;
  for (const setting of BRIDGE_SETTINGS) {
    const value = config[setting];
    if (value === null) continue;
    for (const name of BRIDGE_VARIABLES[setting]) environment[name] = value;
  }
  return environment;
}

/** Names of this very machine, to which a request never crosses a network. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Why a base URL cannot be used, as the end of a sentence that starts with its name; `null` when it can. */
export function bridgeUrlProblem(text: string): string | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return "is not a URL. Pass one like https://happy-otter-123.convex.site";
  }
  const isPrivate = url.protocol === "https:" || (url.protocol === "http:" && LOOPBACK.includes(url.hostname));
  if (!isPrivate) return "must start with https://, because the service key travels with every call";
  if (url.username !== "" || url.password !== "") return "must not contain a user name or password";
  if (url.search !== "" || url.hash !== "") return "must not have a query or a fragment";
  return null;
}

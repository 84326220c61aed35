/** Resolves the bridge of an agent for one turn: from its profile, then from stored secrets of its own, then from common ones. */
import { bridgeSecretRefs, type BridgeRuntimeConfig, type BridgeSetting } from "../../shared/bridge.js";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";
import { findSecret } from "../secrets/read.js";

type Found = { value: string; secretRef: string };

/**
 * `null` for an agent without a bridge. Reads one document per setting that a secret holds, five at most: a secret that does
 * not exist is no document.
 *
 * @throws `secret_unreadable`
 */
export async function bridgeOfAgent(
  ctx: QueryCtx,
  { agentKey, bridgeConfig, botIdentity }: Doc<"agents">,
): Promise<BridgeRuntimeConfig | null> {
  if (bridgeConfig?.enabled !== true) return null;
  const stored = async (setting: BridgeSetting, secretRef?: string) =>
    await firstSecret(ctx, secretRef === undefined ? bridgeSecretRefs(setting, agentKey) : [secretRef]);
  const open = async (setting: BridgeSetting, value: string | undefined) =>
    value ?? (await stored(setting))?.value ?? null;
  const serviceKey = await stored("serviceKey", bridgeConfig.serviceKeySecretRef);
  const appBaseUrls = await stored("appBaseUrlMapJson", bridgeConfig.appBaseUrlMapJsonSecretRef);
  return {
    baseUrl: await open("baseUrl", bridgeConfig.baseUrl),
    serviceId: await open("serviceId", bridgeConfig.serviceId),
    appKey: await open("appKey", bridgeConfig.appKey),
    serviceKey: serviceKey?.value ?? null,
    serviceKeySecretRef: serviceKey?.secretRef ?? null,
    appBaseUrlMapJson: appBaseUrls?.value ?? null,
    botIdentity: botIdentity ?? null,
  };
}

async function firstSecret(ctx: QueryCtx, secretRefs: readonly string[]): Promise<Found | null> {
  for (const secretRef of secretRefs) {
    const value = await findSecret(ctx, secretRef);
    if (value !== null) return { value, secretRef };
  }
  return null;
}

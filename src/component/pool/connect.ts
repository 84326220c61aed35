/** Opens the provider a pool is configured for, with the token that is stored for it. */
import { agentFactoryError } from "../../shared/errors.js";
import type { ProviderConfig } from "../../shared/provider-config.js";
import { env } from "../_generated/server.js";
import type { ActionCtx } from "../functions.js";
import { FLY_API_URL, flyProvider } from "../providers/fly/client.js";
import { localProviderUrl } from "../providers/local/url.js";
import type { Provider } from "../providers/provider.js";
import { PROVIDER_TOKEN_REF, requireSecret } from "../secrets/read.js";

/** @throws `provider_config_missing`, and what {@link requireSecret} throws */
export async function connectProvider(ctx: ActionCtx, config: ProviderConfig): Promise<Provider> {
  const token = await requireSecret(ctx, PROVIDER_TOKEN_REF);
  const baseUrl = config.kind === "fly" ? FLY_API_URL : localProviderUrl(env.AGENT_FACTORY_LOCAL_PROVIDER_URL);
  return flyProvider({ baseUrl, appName: config.appName, token });
}

export function providerConfigMissing() {
  return agentFactoryError(
    "provider_config_missing",
    "No provider is configured, so no machine can be started. Store one with setProviderRuntimeConfig.",
  );
}

/** Opens providers: each home at most once per run, with the token that is stored for them. */
import { agentFactoryError } from "../../shared/errors.js";
import { env } from "../_generated/server.js";
import type { ActionCtx } from "../functions.js";
import { FLY_API_URL, flyProvider } from "../providers/fly/client.js";
import { localProviderUrl } from "../providers/local/url.js";
import type { Provider } from "../providers/provider.js";
import { PROVIDER_TOKEN_REF, requireSecret } from "../secrets/read.js";
import { requireLeave } from "./callRates.js";
import { parseHome } from "./homes.js";

export class Providers {
  private token: string | null = null;
  private readonly open = new Map<string, Provider>();

  /** @param options.mayList for a run whose first list, in each home, has its leave already */
  constructor(
    private readonly ctx: ActionCtx,
    private readonly options: { mayList?: boolean } = {},
  ) {}

  /** @throws `provider_config_missing`, and what {@link requireSecret} throws */
  async at(home: string): Promise<Provider> {
    const known = this.open.get(home);
    if (known !== undefined) return known;
    const { kind, appName } = parseHome(home);
    this.token ??= await requireSecret(this.ctx, PROVIDER_TOKEN_REF);
    const baseUrl = kind === "fly" ? FLY_API_URL : localProviderUrl(env.AGENT_FACTORY_LOCAL_PROVIDER_URL);
    let mayList = this.options.mayList === true;
    const reserve = async (action: string) => {
      const isFree = action === "list" && mayList;
      if (isFree) mayList = false;
      return isFree ? 0 : await requireLeave(this.ctx, { home, action });
    };
    const provider = flyProvider({ baseUrl, appName, token: this.token, reserve });
    this.open.set(home, provider);
    return provider;
  }
}

export function providerConfigMissing() {
  return agentFactoryError(
    "provider_config_missing",
    "No provider is configured, so no machine can be started. Store one with setProviderRuntimeConfig.",
  );
}

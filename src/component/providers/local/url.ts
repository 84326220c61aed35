/** Where pools of kind `local` find their Machines API: a process on the developer's own machine. */
import { agentFactoryError } from "../../../shared/errors.js";

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * The URL bound to the component, which must be on loopback: a token is sent there, and "local" is a promise.
 *
 * @throws `provider_config_missing`
 */
export function localProviderUrl(configured: string | undefined): string {
  if (configured !== undefined && URL.canParse(configured) && LOOPBACK.has(new URL(configured).hostname)) {
    return configured;
  }
  throw agentFactoryError(
    "provider_config_missing",
    "A provider of kind `local` needs AGENT_FACTORY_LOCAL_PROVIDER_URL, bound in convex.config.ts to a loopback URL such as http://127.0.0.1:4280/v1.",
  );
}

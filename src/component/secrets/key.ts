/** Reads the deployment's encryption key from the component's environment. */
import { agentFactoryError } from "../../shared/errors.js";
import { env } from "../_generated/server.js";
import { keyIdOf, parseKey, type EncryptionKey } from "./envelope.js";

const HOW_TO_MAKE_ONE =
  "Make one with `openssl rand -base64 32`, store it with `npx convex env set AGENT_FACTORY_ENCRYPTION_KEY <key>`, and bind it in " +
  "convex.config.ts: app.use(agentFactory, { env: { AGENT_FACTORY_ENCRYPTION_KEY: app.env.AGENT_FACTORY_ENCRYPTION_KEY } }).";

/** @throws `encryption_key_missing`, `encryption_key_invalid`, each with how to make a key. */
export async function requireEncryptionKey(): Promise<{ key: EncryptionKey; keyId: string }> {
  const text = env.AGENT_FACTORY_ENCRYPTION_KEY;
  if (text === undefined || text.trim() === "") {
    throw agentFactoryError(
      "encryption_key_missing",
      `Secrets cannot be stored without an encryption key. ${HOW_TO_MAKE_ONE}`,
    );
  }
  const key = parseKey(text);
  if (key === null) {
    throw agentFactoryError(
      "encryption_key_invalid",
      `AGENT_FACTORY_ENCRYPTION_KEY is not 32 bytes in base64. ${HOW_TO_MAKE_ONE}`,
    );
  }
  return { key, keyId: await keyIdOf(key) };
}

/** What every envelope of this deployment is bound to. */
export function tenantOfDeployment(): string {
  return env.CONVEX_CLOUD_URL;
}

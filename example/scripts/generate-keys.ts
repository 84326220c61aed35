/**
 * Makes the keys a deployment of this example needs, as environment variables.
 *
 * Run as a script it prints one `npx convex env set` command each, for a real deployment; the demo imports the function.
 */
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";
import { randomBytes } from "node:crypto";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface ExampleKeys {
  /** Seals the component's stored secrets: 32 bytes in base64. Losing it means importing every secret again. */
  AGENT_FACTORY_ENCRYPTION_KEY: string;
  /** Signs the example's sessions: a private P-256 key as a JSON Web Key. Replacing it signs everybody in anew. */
  SESSION_SIGNING_KEY: string;
  /** Opens the fleet page: 20 random bytes in hexadecimal. */
  OPERATOR_CODE: string;
}

/** Fresh, independent keys at every call. */
export async function generateKeys(): Promise<ExampleKeys> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const signingKey = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(signingKey);
  return {
    AGENT_FACTORY_ENCRYPTION_KEY: randomBytes(32).toString("base64"),
    SESSION_SIGNING_KEY: JSON.stringify({ ...signingKey, kid, alg: "ES256", use: "sig" }),
    OPERATOR_CODE: randomBytes(20).toString("hex"),
  };
}

/** The commands that hand the keys to the deployment of `.env.local`; single quotes, since no key contains one. */
export function environmentCommands(keys: ExampleKeys): string[] {
  return Object.entries(keys).map(([name, value]) => `npx convex env set ${name} '${value}'`);
}

function isRunAsScript(): boolean {
  const script = process.argv[1];
  return script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url);
}

if (isRunAsScript()) {
  const commands = environmentCommands(await generateKeys());
  process.stdout.write(`${commands.join("\n")}\n`);
}

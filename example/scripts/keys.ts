/** The keys a deployment of this example needs, as environment variables. Web Crypto only, so it runs everywhere. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from "jose";

/** As large as the AES-256 key that it is. */
const ENCRYPTION_KEY_BYTES = 32;
/** 160 random bits: not guessable, at any rate of trying. */
const OPERATOR_CODE_BYTES = 20;

export interface ExampleKeys {
  /** Seals the component's stored secrets: 32 bytes in base64. Losing it means importing every secret again. */
  AGENT_FACTORY_ENCRYPTION_KEY: string;
  /** Signs the example's sessions: a private P-256 key as a JSON Web Key. Replacing it signs everybody in anew. */
  SESSION_SIGNING_KEY: string;
  /** Opens the fleet page: 40 hexadecimal digits. */
  OPERATOR_CODE: string;
}

/** Fresh, independent keys at every call. */
export async function generateKeys(): Promise<ExampleKeys> {
  return {
    AGENT_FACTORY_ENCRYPTION_KEY: btoa(String.fromCharCode(...randomBytes(ENCRYPTION_KEY_BYTES))),
    SESSION_SIGNING_KEY: await generateSigningKey(),
    OPERATOR_CODE: Array.from(randomBytes(OPERATOR_CODE_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(""),
  };
}

export async function generateSigningKey(): Promise<string> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const key = await exportJWK(privateKey);
  return JSON.stringify({ ...key, kid: await calculateJwkThumbprint(key), alg: "ES256", use: "sig" });
}

/** The commands that hand the keys to the deployment of `.env.local`; single quotes, since no key contains one. */
export function environmentCommands(keys: ExampleKeys): string[] {
  return Object.entries(keys).map(([name, value]) => `npx convex env set ${name} '${value}'`);
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

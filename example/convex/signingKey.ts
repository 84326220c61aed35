/** The key of `SESSION_SIGNING_KEY`: sessions are signed with the whole of it, and verified with its public half. */
import { env } from "./_generated/server.js";

/** Only tokens for this audience are accepted: nothing that was signed for another app. */
export const SESSION_AUDIENCE = "agent-factory-example";

const HOW_TO_MAKE_ONE = "Make one with `npx tsx example/scripts/generate-keys.ts`.";

type SigningKey = Record<"kty" | "crv" | "x" | "y" | "d" | "kid", string>;

/** @throws Error when the variable does not hold a private P-256 key as a JSON Web Key with an id. */
export function signingKey(): SigningKey {
  const members = new Map<string, unknown>(Object.entries(parseKey() ?? {}));
  const member = (name: keyof SigningKey): string => {
    const value = members.get(name);
    if (typeof value !== "string") throw new Error(`SESSION_SIGNING_KEY has no "${name}". ${HOW_TO_MAKE_ONE}`);
    return value;
  };
  return {
    kty: member("kty"),
    crv: member("crv"),
    x: member("x"),
    y: member("y"),
    d: member("d"),
    kid: member("kid"),
  };
}

function parseKey(): unknown {
  try {
    return JSON.parse(env.SESSION_SIGNING_KEY);
  } catch {
    // Without the cause: what a parser says about a text quotes it, and this one is a secret.
    throw new Error(`SESSION_SIGNING_KEY is not a JSON Web Key. ${HOW_TO_MAKE_ONE}`);
  }
}

/** The public half, as a JSON Web Key Set. Deriving it leaves one variable to set, and the halves cannot disagree. */
export function publicKeySet(): string {
  const { kty, crv, x, y, kid } = signingKey();
  return JSON.stringify({ keys: [{ kty, crv, x, y, kid, alg: "ES256", use: "sig" }] });
}

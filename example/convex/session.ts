/**
 * Sessions without an account: a browser keeps a random secret, and gets short-lived tokens for the user it stands for.
 *
 * These are real tokens that every Convex deployment verifies, so the example shows real isolation between users. An app
 * with its own sign-in deletes this file; see `auth.config.ts`.
 */
import { ConvexError, v } from "convex/values";
import { importJWK, SignJWT } from "jose";
import { action, env } from "./_generated/server.js";
import { SESSION_AUDIENCE, signingKey } from "./signingKey.js";

/** Short enough that a leaked token soon ends, long enough that pages seldom ask; clients renew on their own. */
const SESSION_TTL_SECONDS = 60 * 60;
/** 32 random bytes in base64url: what cannot be guessed can serve as identity. */
const SESSION_SECRET_PATTERN = /^[A-Za-z0-9_-]{43}$/;
/** 128 bits in hexadecimal: no two secrets meet, and none can be computed back from it. */
const USER_ID_LENGTH = 32;

/**
 * Signs in the anonymous user that a secret stands for.
 *
 * The user's id is derived from the secret's hash, so nobody can claim another's id without knowing their secret. The
 * operator role is granted only to who also knows `OPERATOR_CODE`; a wrong code still gives an ordinary session.
 *
 * @throws ConvexError `{ kind: "invalid_argument" }` when the secret is not 32 bytes in base64url.
 */
export const startSession = action({
  args: { sessionSecret: v.string(), operatorCode: v.optional(v.string()) },
  returns: v.object({ token: v.string(), userId: v.string(), isOperator: v.boolean() }),
  handler: async (_ctx, { sessionSecret, operatorCode }) => {
    if (!SESSION_SECRET_PATTERN.test(sessionSecret)) {
      throw new ConvexError({
        kind: "invalid_argument",
        argument: "sessionSecret",
        message: "sessionSecret must be 32 random bytes in base64url (43 characters)",
      });
    }
    const userId = `anonymous-${toHex(await sha256(`user:${sessionSecret}`)).slice(0, USER_ID_LENGTH)}`;
    const isOperator = await knowsOperatorCode(operatorCode);
    const token = await signSession(userId, isOperator);
    return { token, userId, isOperator };
  },
});

async function signSession(userId: string, isOperator: boolean): Promise<string> {
  const key = signingKey();
  return await new SignJWT(isOperator ? { role: "operator" } : {})
    .setProtectedHeader({ alg: "ES256", typ: "JWT", kid: key.kid })
    .setIssuer(env.CONVEX_SITE_URL)
    .setAudience(SESSION_AUDIENCE)
    .setSubject(userId)
    .setIssuedAt()
    .setExpirationTime(`${SESSION_TTL_SECONDS}s`)
    .sign(await importJWK(key, "ES256"));
}

/** Compares hashes over their whole length, so that the time it takes says nothing about how much of a guess was right. */
async function knowsOperatorCode(guess: string | undefined): Promise<boolean> {
  const expected = env.OPERATOR_CODE;
  if (guess === undefined || expected === undefined || expected === "") return false;
  const [guessHash, expectedHash] = await Promise.all([sha256(guess), sha256(expected)]);
  let difference = 0;
  for (const [index, byte] of expectedHash.entries()) difference |= byte ^ (guessHash[index] ?? 0);
  return difference === 0;
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Who is calling: nobody in particular, a user whose token was verified, or the holder of the admin key. */
import type { UserIdentity } from "convex/server";

export type Caller =
  | { kind: "anonymous" }
  | {
      kind: "user";
      identity: UserIdentity;
      /** When the token ends, in milliseconds since 1970. */
      expiresAt: number;
    }
  | {
      kind: "admin";
      /** The user the admin acts as. */
      identity: UserIdentity | null;
    };

export const ANONYMOUS: Caller = { kind: "anonymous" };

/** Credentials that are not good: unknown key, bad signature, wrong audience, expired. The message says which. */
export class AuthenticationError extends Error {
  override readonly name = "AuthenticationError";

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export function identityOf(caller: Caller): UserIdentity | null {
  return caller.kind === "anonymous" ? null : caller.identity;
}

/** Equal for callers who see the same results: what subscriptions are shared by. */
export function callerKey(caller: Caller): string {
  const identity = identityOf(caller);
  const entries = identity === null ? [] : Object.entries(identity).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([caller.kind === "admin", entries]);
}

/**
 * The attributes of a user that an admin acts as, as the CLI and the dashboard send them.
 * @throws AuthenticationError when they are no identity.
 */
export function parseActingIdentity(attributes: unknown): UserIdentity {
  if (typeof attributes !== "object" || attributes === null || Array.isArray(attributes)) {
    throw new AuthenticationError("InvalidIdentity", "The identity to act as must be a JSON object.");
  }
  const { tokenIdentifier, issuer, subject } = { tokenIdentifier: "", issuer: "", subject: "", ...attributes };
  if (typeof tokenIdentifier !== "string" || typeof issuer !== "string" || typeof subject !== "string") {
    throw new AuthenticationError("InvalidIdentity", "tokenIdentifier, issuer and subject must be strings.");
  }
  return { ...attributes, issuer, subject, tokenIdentifier: tokenIdentifier || `${issuer}|${subject}` };
}

/** Verifies credentials: JWTs against the providers of `auth.config.ts`, admin keys against this backend's own. */
import { createLocalJWKSet, decodeJwt, errors, jwtVerify, type JSONWebKeySet, type JWTPayload } from "jose";
import type { Engine } from "../../engine/types.js";
import { isAdminKey } from "./admin-key.js";
import { ANONYMOUS, AuthenticationError, parseActingIdentity, type Caller } from "./caller.js";
import { identityFromCustomClaims, identityFromOidcClaims } from "./claims.js";
import { KeySets } from "./key-sets.js";
import { normalizeIssuer, parseAuthProvider, type AuthProvider } from "./providers.js";

/** Clocks of a provider and this machine may differ by some seconds. Expiry is exact, as on Convex. */
const NOT_BEFORE_TOLERANCE_SECONDS = 30;

export class Authenticator {
  readonly #keySets = new KeySets();

  constructor(
    private readonly engine: Pick<Engine, "authProviders">,
    private readonly adminKey: string,
  ) {}

  /**
   * The caller that an `Authorization` header stands for: `Bearer <jwt>` or `Convex <adminKey>[:<base64 identity>]`.
   * @throws AuthenticationError
   */
  async fromHeader(header: string | undefined): Promise<Caller> {
    if (header === undefined) return ANONYMOUS;
    const [, scheme = "", credentials = ""] = /^(\S+)\s+(\S+)\s*$/.exec(header) ?? [];
    if (scheme.toLowerCase() === "bearer") return await this.fromToken(credentials);
    if (scheme.toLowerCase() === "convex") {
      const colon = credentials.indexOf(":");
      if (colon === -1) return this.fromAdminKey(credentials);
      return this.fromAdminKey(credentials.slice(0, colon), decodeIdentity(credentials.slice(colon + 1)));
    }
    throw new AuthenticationError(
      "InvalidAuthHeader",
      'The Authorization header must begin with "Bearer" or "Convex".',
    );
  }

  /** @throws AuthenticationError */
  fromAdminKey(key: string, actingAs?: unknown): Caller {
    if (!isAdminKey(key, this.adminKey)) {
      throw new AuthenticationError("BadDeployKey", "The admin key is not the one of this deployment.");
    }
    return { kind: "admin", identity: actingAs === undefined ? null : parseActingIdentity(actingAs) };
  }

  /** @throws AuthenticationError */
  async fromToken(token: string): Promise<Caller> {
    const unverified = decode(token);
    const issuer = unverified.iss;
    if (issuer === undefined) throw new AuthenticationError("InvalidAuthHeader", "The token has no issuer (iss).");
    const provider = this.#providerOf(issuer, audiencesOf(unverified));
    const payload = await this.#verify(token, provider);
    const subject = payload.sub;
    if (subject === undefined) throw new AuthenticationError("InvalidAuthHeader", "The token has no subject (sub).");
    const toIdentity = provider.type === "oidc" ? identityFromOidcClaims : identityFromCustomClaims;
    // `exp` is there: the verification demands it.
    return { kind: "user", identity: toIdentity(issuer, subject, payload), expiresAt: (payload.exp ?? 0) * 1000 };
  }

  #providers(): AuthProvider[] {
    try {
      return this.engine.authProviders().map(parseAuthProvider);
    } catch (error) {
      throw new AuthenticationError("InvalidAuthConfig", error instanceof Error ? error.message : String(error));
    }
  }

  #providerOf(issuer: string, audiences: string[]): AuthProvider {
    const providers = this.#providers();
    const provider = providers.find(
      (candidate) =>
        candidate.issuer === normalizeIssuer(issuer) &&
        (candidate.applicationId === null || audiences.includes(candidate.applicationId)),
    );
    if (provider !== undefined) return provider;
    const configured = providers.map(
      ({ issuer: name, applicationId }) => `${name} for ${applicationId ?? "any audience"}`,
    );
    throw new AuthenticationError(
      "NoAuthProvider",
      `No auth provider matches the token (issuer ${issuer}, audience ${audiences.join(", ") || "none"}). ` +
        `auth.config.ts has: ${configured.join("; ") || "no providers"}.`,
    );
  }

  async #verify(token: string, provider: AuthProvider): Promise<JWTPayload> {
    try {
      return await verifyWith(token, provider, await this.#keySets.get(provider));
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw asAuthenticationError(error);
    }
    // The provider may have begun to sign with a new key since its keys were fetched.
    try {
      return await verifyWith(token, provider, await this.#keySets.get(provider, true));
    } catch (error) {
      throw asAuthenticationError(error);
    }
  }
}

async function verifyWith(token: string, provider: AuthProvider, keys: JSONWebKeySet): Promise<JWTPayload> {
  const { payload } = await jwtVerify(token, createLocalJWKSet(keys), {
    algorithms: provider.algorithms,
    requiredClaims: ["iss", "sub", "exp"],
    ...(provider.applicationId === null ? {} : { audience: provider.applicationId }),
    // Tolerates a token from the near future only; `exp` is compared again below, without tolerance.
    clockTolerance: NOT_BEFORE_TOLERANCE_SECONDS,
  });
  if ((payload.exp ?? 0) * 1000 <= Date.now()) throw new AuthenticationError("TokenExpired", "The token has expired.");
  return payload;
}

function asAuthenticationError(error: unknown): AuthenticationError {
  if (error instanceof AuthenticationError) return error;
  if (error instanceof errors.JWTExpired) return new AuthenticationError("TokenExpired", "The token has expired.");
  const reason = error instanceof Error ? error.message : String(error);
  return new AuthenticationError("InvalidAuthHeader", `The token could not be verified: ${reason}`);
}

function decode(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    throw new AuthenticationError("InvalidAuthHeader", "The token is not a JWT.");
  }
}

function audiencesOf(payload: JWTPayload): string[] {
  if (payload.aud === undefined) return [];
  return typeof payload.aud === "string" ? [payload.aud] : payload.aud;
}

function decodeIdentity(encoded: string): unknown {
  try {
    return JSON.parse(Buffer.from(encoded, "base64").toString("utf8"));
  } catch {
    throw new AuthenticationError("InvalidIdentity", "The identity after the admin key is not base64 of JSON.");
  }
}

/** The providers of an app's `auth.config.ts`: whose tokens are believed, and by which rules. */
import type { JSONValue } from "convex/values";

interface CommonProvider {
  /** What tokens have in `iss`, without a trailing slash. */
  issuer: string;
  /** What tokens must have in `aud`; null believes tokens for any audience (custom JWT only). */
  applicationId: string | null;
  /** Signature algorithms that are accepted. */
  algorithms: string[];
}

export type AuthProvider = CommonProvider &
  ({ type: "oidc"; discoveryUrl: string } | { type: "customJwt"; jwks: string });

/** What Convex accepts of OpenID Connect providers. */
const OIDC_ALGORITHMS = ["RS256", "EdDSA"];

/**
 * Reads one entry of `providers`.
 * @throws Error in words for the author of `auth.config.ts`.
 */
export function parseAuthProvider(entry: JSONValue): AuthProvider {
  if (entry === null || typeof entry !== "object" || Array.isArray(entry)) {
    throw new Error("auth.config.ts: each provider must be an object.");
  }
  const text = (name: string): string | null => {
    const value = entry[name];
    if (value === undefined || value === null) return null;
    if (typeof value === "string" && value !== "") return value;
    throw new Error(
      `auth.config.ts: "${name}" of a provider must be a non-empty string. Is an environment variable unset?`,
    );
  };
  const required = (name: string): string => {
    const value = text(name);
    if (value === null)
      throw new Error(`auth.config.ts: a provider has no "${name}". Is an environment variable unset?`);
    return value;
  };

  const type = text("type");
  if (type === null || type === "oidc") {
    const issuer = normalizeIssuer(required("domain"));
    return {
      type: "oidc",
      issuer,
      applicationId: required("applicationID"),
      algorithms: OIDC_ALGORITHMS,
      discoveryUrl: `${issuer}/.well-known/openid-configuration`,
    };
  }
  if (type !== "customJwt") throw new Error(`auth.config.ts: unknown provider type "${type}".`);
  const algorithm = required("algorithm");
  if (algorithm !== "RS256" && algorithm !== "ES256") {
    throw new Error(`auth.config.ts: algorithm "${algorithm}" is not supported; Convex knows RS256 and ES256.`);
  }
  return {
    type: "customJwt",
    issuer: normalizeIssuer(required("issuer")),
    applicationId: text("applicationID"),
    algorithms: [algorithm],
    jwks: required("jwks"),
  };
}

/** Providers tell people their issuer with or without a protocol and a trailing slash; tokens have either, too. */
export function normalizeIssuer(issuer: string): string {
  const withProtocol = /^https?:\/\//.test(issuer) ? issuer : `https://${issuer}`;
  return withProtocol.replace(/\/+$/, "");
}

/** From the claims of a verified token to what `ctx.auth.getUserIdentity()` returns. Pure. */
import type { UserIdentity } from "convex/server";
import type { JWTPayload } from "jose";

/** OpenID Connect's standard claims, and the names that Convex gives them. */
const STANDARD_CLAIMS: Readonly<Record<string, string>> = {
  name: "name",
  given_name: "givenName",
  family_name: "familyName",
  nickname: "nickname",
  preferred_username: "preferredUsername",
  profile: "profileUrl",
  picture: "pictureUrl",
  website: "websiteUrl",
  email: "email",
  email_verified: "emailVerified",
  gender: "gender",
  birthdate: "birthday",
  zoneinfo: "timezone",
  locale: "language",
  phone_number: "phoneNumber",
  phone_number_verified: "phoneNumberVerified",
};

/** Claims about the token rather than the user. They change with every refresh, so an identity without them stays equal to itself. */
const REGISTERED_CLAIMS = new Set(["iss", "sub", "aud", "exp", "nbf", "iat", "jti"]);
const OIDC_TOKEN_CLAIMS = new Set(["auth_time", "nonce", "acr", "amr", "azp", "at_hash", "c_hash"]);

type Claims = Record<string, unknown>;

/** Standard claims under Convex's names, the others under their own. */
export function identityFromOidcClaims(issuer: string, subject: string, payload: JWTPayload): UserIdentity {
  const attributes: Claims = {};
  for (const [claim, value] of Object.entries(payload)) {
    const standardName = STANDARD_CLAIMS[claim];
    if (standardName !== undefined) attributes[standardName] = value;
    else if (claim === "address") setIfPresent(attributes, "address", formattedAddress(value));
    else if (claim === "updated_at") setIfPresent(attributes, "updatedAt", rfc3339(value));
    else if (!REGISTERED_CLAIMS.has(claim) && !OIDC_TOKEN_CLAIMS.has(claim)) attributes[claim] = value;
  }
  return withIdentifier(issuer, subject, attributes);
}

/** Every claim under its own name; the fields of nested objects under their path, joined by dots, as Convex does for custom JWTs. */
export function identityFromCustomClaims(issuer: string, subject: string, payload: JWTPayload): UserIdentity {
  const attributes: Claims = {};
  for (const [claim, value] of Object.entries(payload)) {
    if (!REGISTERED_CLAIMS.has(claim)) flatten(attributes, claim, value);
  }
  return withIdentifier(issuer, subject, attributes);
}

function withIdentifier(issuer: string, subject: string, attributes: Claims): UserIdentity {
  // Last, so that no claim can pretend to be another user.
  return { ...attributes, tokenIdentifier: `${issuer}|${subject}`, issuer, subject };
}

function flatten(target: Claims, path: string, value: unknown): void {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    for (const [name, nested] of Object.entries(value)) flatten(target, `${path}.${name}`, nested);
  } else {
    target[path] = value;
  }
}

function setIfPresent(target: Claims, name: string, value: string | null): void {
  if (value !== null) target[name] = value;
}

function formattedAddress(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "formatted" in value && typeof value.formatted === "string") {
    return value.formatted;
  }
  return null;
}

function rfc3339(value: unknown): string | null {
  if (typeof value === "string") return value;
  return typeof value === "number" && Number.isFinite(value) ? new Date(value * 1000).toISOString() : null;
}

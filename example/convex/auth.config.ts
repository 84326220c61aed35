/**
 * Whose tokens this deployment believes: its own, signed by `session.ts`.
 *
 * An app brings its own sign-in here (Clerk, Auth0, WorkOS, Convex Auth, ...): replace the provider, delete `session.ts`
 * and `signingKey.ts`, and nothing else changes, because everything else asks `caller.ts` who is calling.
 */
import type { AuthConfig } from "convex/server";
import { env } from "./_generated/server.js";
import { publicKeySet, SESSION_AUDIENCE } from "./signingKey.js";

export default {
  providers: [
    {
      type: "customJwt",
      issuer: env.CONVEX_SITE_URL,
      applicationID: SESSION_AUDIENCE,
      algorithm: "ES256",
      jwks: `data:text/plain;charset=utf-8;base64,${btoa(publicKeySet())}`,
    },
  ],
} satisfies AuthConfig;

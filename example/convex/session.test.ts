/// <reference types="vite/client" />
import { convexTest } from "convex-test";
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { generateSigningKey } from "../scripts/keys.js";
import { api } from "./_generated/api.js";

const modules = import.meta.glob(["./**/*.ts", "./_generated/*.js", "!./**/*.test.ts"]);

const SITE_URL = "https://example.convex.site";
const OPERATOR_CODE = "0123456789abcdef0123456789abcdef01234567";
const ALICE = "A".repeat(43);
const BOB = "B".repeat(43);

beforeEach(async () => {
  vi.stubEnv("CONVEX_SITE_URL", SITE_URL);
  vi.stubEnv("SESSION_SIGNING_KEY", await generateSigningKey());
  vi.stubEnv("OPERATOR_CODE", OPERATOR_CODE);
  vi.resetModules();
});

afterEach(() => {
  vi.unstubAllEnvs();
});

async function startSession(args: { sessionSecret: string; operatorCode?: string }) {
  return await convexTest({ modules }).action(api.session.startSession, args);
}

/** Verifies as a deployment does: with the provider of `auth.config.ts` and nothing else. */
async function verify(token: string) {
  const { default: config } = await import("./auth.config.js");
  const provider = config.providers[0]!;
  const keySet: unknown = JSON.parse(atob(provider.jwks.slice(provider.jwks.indexOf(",") + 1)));
  if (!isKeySet(keySet)) throw new Error("auth.config.ts has no key set.");
  const { payload, protectedHeader } = await jwtVerify(token, createLocalJWKSet(keySet), {
    issuer: provider.issuer,
    audience: provider.applicationID,
    algorithms: [provider.algorithm],
  });
  return { payload, protectedHeader, publishedKeys: keySet.keys };
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return typeof value === "object" && value !== null && "keys" in value && Array.isArray(value.keys);
}

describe("startSession", () => {
  it("signs a token that auth.config.ts verifies, for an hour", async () => {
    const { token, userId } = await startSession({ sessionSecret: ALICE });
    const { payload, protectedHeader } = await verify(token);
    expect(payload).toMatchObject({ sub: userId, iss: SITE_URL });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(60 * 60);
    // Convex asks for all three.
    expect(protectedHeader).toMatchObject({ alg: "ES256", typ: "JWT" });
    expect(protectedHeader.kid).not.toBe("");
  });

  it("gives the same secret the same user, and others another one that tells nothing about the secret", async () => {
    const first = await startSession({ sessionSecret: ALICE });
    const again = await startSession({ sessionSecret: ALICE });
    const other = await startSession({ sessionSecret: BOB });
    expect(again.userId).toBe(first.userId);
    expect(other.userId).not.toBe(first.userId);
    expect(first.userId).toMatch(/^anonymous-[0-9a-f]{32}$/);
  });

  it("makes operators of those who know the code, and of nobody else", async () => {
    const operator = await startSession({ sessionSecret: ALICE, operatorCode: OPERATOR_CODE });
    expect(operator.isOperator).toBe(true);
    expect((await verify(operator.token)).payload["role"]).toBe("operator");
    for (const operatorCode of ["", OPERATOR_CODE.slice(1), `${OPERATOR_CODE} `, OPERATOR_CODE.toUpperCase()]) {
      const user = await startSession({ sessionSecret: ALICE, operatorCode });
      expect(user.isOperator).toBe(false);
      expect((await verify(user.token)).payload).not.toHaveProperty("role");
    }
  });

  it("has no operators while no code is set", async () => {
    for (const unset of [undefined, ""]) {
      vi.stubEnv("OPERATOR_CODE", unset);
      expect((await startSession({ sessionSecret: ALICE, operatorCode: "" })).isOperator).toBe(false);
    }
  });

  it.each(["", "short", "A".repeat(42), "A".repeat(44), `${"A".repeat(42)}+`])(
    "refuses the secret %j",
    async (secret) => {
      await expect(startSession({ sessionSecret: secret })).rejects.toMatchObject({
        data: { kind: "invalid_argument", argument: "sessionSecret" },
      });
    },
  );

  it("says what is wrong with a bad signing key without repeating any of it", async () => {
    vi.stubEnv("SESSION_SIGNING_KEY", "not-a-key-but-still-a-secret");
    const refusal = await startSession({ sessionSecret: ALICE }).catch((error: unknown) => error);
    expect(String(refusal)).toMatch(/SESSION_SIGNING_KEY is not a JSON Web Key/);
    expect(String(refusal)).not.toContain("still-a-secret");
  });
});

describe("auth.config.ts", () => {
  it("publishes the public half of the key only", async () => {
    const { token } = await startSession({ sessionSecret: ALICE });
    const { publishedKeys } = await verify(token);
    expect(publishedKeys).toHaveLength(1);
    expect(Object.keys(publishedKeys[0]!).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
  });

  it("does not accept a token of another deployment's key", async () => {
    const { token } = await startSession({ sessionSecret: ALICE });
    vi.stubEnv("SESSION_SIGNING_KEY", await generateSigningKey());
    vi.resetModules();
    await expect(verify(token)).rejects.toThrow();
  });
});

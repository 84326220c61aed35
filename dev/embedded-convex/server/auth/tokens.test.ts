/** Users' tokens: of both kinds of providers, and everything that must be refused. */
import { createServer, type Server } from "node:http";
import { once } from "node:events";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { JSONValue } from "convex/values";
import { generateAdminKey } from "./admin-key.js";
import { Authenticator } from "./authenticator.js";
import { callerKey } from "./caller.js";

interface Signer {
  privateKey: CryptoKey;
  jwk: JWK;
  kid: string;
  algorithm: string;
}

async function makeSigner(algorithm: string, kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: algorithm, use: "sig" }, kid, algorithm };
}

const seconds = () => Math.floor(Date.now() / 1000);

async function sign(
  signer: Signer,
  claims: Record<string, unknown>,
  overrides: Record<string, unknown> = {},
): Promise<string> {
  const payload = {
    iss: ISSUER,
    sub: "user-1",
    aud: "app",
    iat: seconds(),
    exp: seconds() + 600,
    ...claims,
    ...overrides,
  };
  return await new SignJWT(payload)
    .setProtectedHeader({ alg: signer.algorithm, kid: signer.kid })
    .sign(signer.privateKey);
}

const ISSUER = "https://issuer.example";
const dataUri = (...keys: JWK[]) =>
  `data:application/json;base64,${Buffer.from(JSON.stringify({ keys })).toString("base64")}`;

let es256: Signer;
let rs256: Signer;
let stranger: Signer;
const adminKey = generateAdminKey();

function authenticator(providers: JSONValue[]): Authenticator {
  return new Authenticator({ authProviders: () => providers }, adminKey);
}

beforeAll(async () => {
  [es256, rs256, stranger] = await Promise.all([
    makeSigner("ES256", "es"),
    makeSigner("RS256", "rs"),
    makeSigner("ES256", "es"),
  ]);
});

describe("custom JWT providers", () => {
  const customJwt = (): JSONValue => ({
    type: "customJwt",
    issuer: ISSUER,
    jwks: dataUri(es256.jwk),
    algorithm: "ES256",
    applicationID: "app",
  });

  it("give the subject, the issuer and every claim under its own name", async () => {
    const token = await sign(es256, {
      name: "Ada",
      email: "ada@example.com",
      role: "admin",
      given_name: "A",
      org: { id: 7, tags: ["x"] },
    });
    const caller = await authenticator([customJwt()]).fromHeader(`Bearer ${token}`);
    expect(caller).toEqual({
      kind: "user",
      expiresAt: expect.any(Number) as unknown,
      identity: {
        tokenIdentifier: `${ISSUER}|user-1`,
        issuer: ISSUER,
        subject: "user-1",
        name: "Ada",
        email: "ada@example.com",
        role: "admin",
        given_name: "A",
        "org.id": 7,
        "org.tags": ["x"],
      },
    });
  });

  it("cannot make a token stand for somebody else by its claims", async () => {
    const token = await sign(es256, {
      tokenIdentifier: "https://other|root",
      subject: "root",
      issuer: "https://other",
    });
    const caller = await authenticator([customJwt()]).fromToken(token);
    expect(caller).toMatchObject({
      identity: { tokenIdentifier: `${ISSUER}|user-1`, subject: "user-1", issuer: ISSUER },
    });
  });

  it("give a refreshed token the same key as the one before", async () => {
    const [first, second] = await Promise.all([
      sign(es256, { email: "a@b.c", iat: seconds() - 100, jti: "1" }),
      sign(es256, { email: "a@b.c", jti: "2" }),
    ]);
    const verify = authenticator([customJwt()]);
    expect(callerKey(await verify.fromToken(first))).toBe(callerKey(await verify.fromToken(second)));
  });

  it("may leave the audience open, and may write the issuer in several ways", async () => {
    const provider = {
      type: "customJwt",
      issuer: "issuer.example/",
      jwks: `data:text/plain,${encodeURIComponent(JSON.stringify({ keys: [rs256.jwk] }))}`,
      algorithm: "RS256",
    };
    const caller = await authenticator([provider]).fromToken(await sign(rs256, { aud: "whatever" }));
    expect(caller).toMatchObject({ identity: { tokenIdentifier: `${ISSUER}|user-1` } });
  });

  const refused: [string, () => Promise<string>, RegExp][] = [
    ["signed by somebody else", async () => await sign(stranger, {}), /could not be verified/],
    ["signed with another algorithm", async () => await sign({ ...rs256, kid: "es" }, {}), /could not be verified/],
    [
      "for another audience",
      async () => await sign(es256, { aud: "other" }),
      /No auth provider matches.*audience other/,
    ],
    ["by another issuer", async () => await sign(es256, { iss: "https://evil.example" }), /No auth provider matches/],
    ["expired", async () => await sign(es256, { exp: seconds() - 1 }), /expired/],
    ["not yet valid", async () => await sign(es256, { nbf: seconds() + 600 }), /could not be verified/],
    ["without expiry", async () => await sign(es256, {}, { exp: undefined }), /"exp"/],
    ["without subject", async () => await sign(es256, {}, { sub: undefined }), /"sub"/],
    ["without issuer", async () => await sign(es256, {}, { iss: undefined }), /no issuer/],
    [
      "tampered with",
      async () =>
        (await sign(es256, {})).replace(
          /\.[^.]+\./,
          `.${Buffer.from(JSON.stringify({ iss: ISSUER, aud: "app", sub: "root", exp: 9e9 })).toString("base64url")}.`,
        ),
      /could not be verified/,
    ],
    [
      "unsigned",
      async () =>
        `${Buffer.from('{"alg":"none"}').toString("base64url")}.${Buffer.from(JSON.stringify({ iss: ISSUER, aud: "app", sub: "root", exp: 9e9 })).toString("base64url")}.`,
      /could not be verified/,
    ],
    ["no token at all", async () => "opaque", /not a JWT/],
  ];
  it.each(refused)("refuse a token that is %s", async (_name, token, message) => {
    await expect(authenticator([customJwt()]).fromHeader(`Bearer ${await token()}`)).rejects.toThrow(message);
  });

  it("are told from a mistake in auth.config.ts", async () => {
    const token = await sign(es256, {});
    const broken = (change: Record<string, JSONValue>) =>
      authenticator([{ ...(customJwt() as Record<string, JSONValue>), ...change }]).fromToken(token);
    await expect(broken({ issuer: "" })).rejects.toThrow(/auth\.config\.ts.*"issuer"/);
    await expect(broken({ algorithm: "HS256" })).rejects.toThrow(/HS256/);
    await expect(broken({ jwks: "http://keys.example/jwks" })).rejects.toThrow(/https/);
    await expect(broken({ jwks: "data:application/json,{}" })).rejects.toThrow(/JSON Web Key Set/);
    await expect(authenticator([]).fromToken(token)).rejects.toThrow(/no providers/);
  });
});

describe("OpenID Connect providers", () => {
  let server: Server;
  let issuer: string;
  let keys: JWK[];
  let keyFetches = 0;

  beforeAll(async () => {
    keys = [rs256.jwk];
    server = createServer((request, response) => {
      response.setHeader("content-type", "application/json");
      if (request.url === "/.well-known/openid-configuration")
        response.end(JSON.stringify({ issuer, jwks_uri: `${issuer}/keys` }));
      else if (request.url === "/keys") {
        keyFetches++;
        response.end(JSON.stringify({ keys }));
      } else response.writeHead(404).end();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    issuer = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  it("are discovered, and standard claims get Convex's names", async () => {
    const verify = authenticator([{ domain: `${issuer}/`, applicationID: "app" }]);
    const token = await sign(rs256, {
      iss: issuer,
      given_name: "Ada",
      picture: "https://p",
      email_verified: true,
      updated_at: 0,
      address: { formatted: "1 Street" },
      custom: { nested: [1] },
      nonce: "n",
      azp: "z",
    });
    const caller = await verify.fromToken(token);
    expect(caller).toMatchObject({ kind: "user" });
    expect("identity" in caller && caller.identity).toEqual({
      tokenIdentifier: `${issuer}|user-1`,
      issuer,
      subject: "user-1",
      givenName: "Ada",
      pictureUrl: "https://p",
      emailVerified: true,
      updatedAt: "1970-01-01T00:00:00.000Z",
      address: "1 Street",
      custom: { nested: [1] },
    });
    await verify.fromToken(token);
    expect(keyFetches).toBe(1);
  });

  it("may rotate their keys", async () => {
    const verify = authenticator([{ domain: issuer, applicationID: "app" }]);
    await verify.fromToken(await sign(rs256, { iss: issuer }));
    const next = await makeSigner("RS256", "next");
    keys = [rs256.jwk, next.jwk];
    const before = keyFetches;
    const token = await sign(next, { iss: issuer });
    // Too soon after the last fetch, or anyone could make the backend hammer a provider with made-up key ids.
    await expect(verify.fromToken(token)).rejects.toThrow(/could not be verified/);
    expect(keyFetches).toBe(before);
    await expect(authenticator([{ domain: issuer, applicationID: "app" }]).fromToken(token)).resolves.toMatchObject({
      kind: "user",
    });
  });

  it("are named in the error when they cannot be reached", async () => {
    const unreachable = "http://127.0.0.1:9";
    const verify = authenticator([{ domain: unreachable, applicationID: "app" }]);
    await expect(verify.fromToken(await sign(rs256, { iss: unreachable }))).rejects.toThrow(/could not be verified/);
  });
});

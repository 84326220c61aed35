/** Authentication over the sync protocol: tokens that are set, refreshed, cleared, refused, and that run out. */
import { setTimeout as sleep } from "node:timers/promises";
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from "jose";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { BaseConvexClient } from "convex/browser";
import { makeFunctionReference } from "convex/server";
import { eventually } from "../testing/eventually.js";
import { connectRawClient } from "../testing/raw-client.js";
import { recordingConstructor, startCounterBackend, type CounterBackend } from "../testing/start-counter-backend.js";

const whoami = makeFunctionReference<"query", Record<string, never>, { subject: string } | null>("counters:whoami");
const get = makeFunctionReference<"query", { name: string }, number>("counters:get");
const secret = makeFunctionReference<"query">("counters:secret");

let backend: CounterBackend;
let privateKey: CryptoKey;
let jwks: string;

beforeAll(async () => {
  const pair = await generateKeyPair("ES256", { extractable: true });
  privateKey = pair.privateKey;
  const keys = [{ ...(await exportJWK(pair.publicKey)), kid: "k", alg: "ES256" }];
  jwks = `data:application/json,${encodeURIComponent(JSON.stringify({ keys }))}`;
});
beforeEach(async () => {
  backend = await startCounterBackend();
  backend.engine.providers.push({
    type: "customJwt",
    issuer: "https://issuer.example",
    jwks,
    algorithm: "ES256",
    applicationID: "app",
  });
});
afterEach(async () => {
  await backend.close();
});

async function token(subject: string, lifetimeSeconds = 3600): Promise<string> {
  return await new SignJWT({})
    .setProtectedHeader({ alg: "ES256", kid: "k" })
    .setIssuer("https://issuer.example")
    .setAudience("app")
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime(Math.floor(Date.now() / 1000) + lifetimeSeconds)
    .setJti(crypto.randomUUID())
    .sign(privateKey);
}

function watchIdentity(): {
  client: ReturnType<CounterBackend["liveClient"]>["client"];
  subjects: (string | null)[];
  states: boolean[];
} {
  const { client } = backend.liveClient();
  const subjects: (string | null)[] = [];
  const states: boolean[] = [];
  client.onUpdate(whoami, {}, (identity) => subjects.push(identity?.subject ?? null));
  return { client, subjects, states };
}

describe("a user's token", () => {
  it("changes what queries see, keeps what does not depend on it, and can be cleared", async () => {
    const { client, subjects, states } = watchIdentity();
    const counts: number[] = [];
    client.onUpdate(get, { name: "a" }, (value) => counts.push(value));
    await eventually(() => expect([subjects, counts]).toEqual([[null], [0]]));
    const ada = await token("ada");
    client.setAuth(
      async () => ada,
      (isAuthenticated) => states.push(isAuthenticated),
    );
    await eventually(() => expect([subjects, states[0]]).toEqual([[null, "ada"], true]));
    expect(counts).toEqual([0]);
    const bob = await token("bob");
    client.setAuth(
      async () => bob,
      (isAuthenticated) => states.push(isAuthenticated),
    );
    await eventually(() => expect(subjects).toEqual([null, "ada", "bob"]));
    client.client.clearAuth();
    await eventually(() => expect(subjects).toEqual([null, "ada", "bob", null]));
  });

  it("is asked for again by a client whose first one was refused", async () => {
    const { client, subjects, states } = watchIdentity();
    await eventually(() => expect(subjects).toEqual([null]));
    const forced: boolean[] = [];
    client.setAuth(
      async ({ forceRefreshToken }) => {
        forced.push(forceRefreshToken);
        return forceRefreshToken ? await token("ada") : await token("ada", -10);
      },
      (isAuthenticated) => states.push(isAuthenticated),
    );
    await eventually(() => expect(subjects.at(-1)).toBe("ada"));
    expect(forced.slice(0, 2)).toEqual([false, true]);
    await eventually(() => expect(states.at(-1)).toBe(true));
  });

  it("leaves the client signed out when it is never good", async () => {
    const { client, subjects, states } = watchIdentity();
    await eventually(() => expect(subjects).toEqual([null]));
    client.setAuth(
      async () => "not.a.token",
      (isAuthenticated) => states.push(isAuthenticated),
    );
    await eventually(() => expect(states).toEqual([false]));
    backend.engine.add("a", 1);
    const { client: other } = backend.liveClient();
    expect(await other.query(get, { name: "a" })).toBe(1);
    await eventually(async () => expect(await client.query(whoami, {})).toBeNull());
  });

  it("is refused from the moment it has run out, with word that it was not an update that failed", async () => {
    const client = await connectRawClient(backend.cloudUrl);
    client.send({ type: "Authenticate", tokenType: "User", value: await token("ada", 2), baseVersion: 0 });
    await client.received("Transition");
    const mutation = { type: "Mutation", udfPath: "counters:add", args: [{ name: "a" }] };
    client.send({ ...mutation, requestId: 0 });
    await client.received("MutationResponse");
    await sleep(2_100);
    client.send({ ...mutation, requestId: 1 });
    const [error] = await client.received("AuthError");
    expect(error).toEqual({
      type: "AuthError",
      error: "The token has expired.",
      baseVersion: 1,
      authUpdateAttempted: false,
    });
    await eventually(() => expect(client.closed?.reason).toBe("AuthError"));
    expect(backend.engine.runs.get("counters:add")).toBe(1);
  });

  it("does not share results between users, and does between tokens of one user", async () => {
    const users = ["ada", "bob", "ada"].map((name) => ({ name, ...watchIdentity() }));
    for (const { name, client } of users) client.setAuth(async () => await token(name));
    await eventually(() => expect(users.map(({ subjects }) => subjects.at(-1))).toEqual(["ada", "bob", "ada"]));
    expect(backend.syncLoad()).toEqual({ sockets: 3, queries: 2 });
  });

  it("can be refreshed without losing sight of anything", async () => {
    const { client, subjects } = watchIdentity();
    const counts: number[] = [];
    client.onUpdate(get, { name: "a" }, (value) => counts.push(value));
    for (let refresh = 1; refresh <= 3; refresh++) {
      const changes: boolean[] = [];
      client.setAuth(
        async () => await token("ada"),
        (isAuthenticated) => changes.push(isAuthenticated),
      );
      await eventually(() => expect([changes[0], subjects.at(-1)]).toEqual([true, "ada"]));
      backend.engine.add("a", 1);
      await eventually(() => expect(counts.at(-1)).toBe(refresh));
    }
  });
});

describe("the admin key over the WebSocket", () => {
  // `setAdminAuth` is what the CLI calls; it is not in the published types.
  function adminClient(key: string, actingAs?: object): { client: BaseConvexClient; results: () => unknown } {
    const client: BaseConvexClient & { setAdminAuth?(key: string, identity?: object): void } = new BaseConvexClient(
      backend.cloudUrl,
      () => undefined,
      { webSocketConstructor: recordingConstructor().constructor, logger: false },
    );
    client.setAdminAuth?.(key, actingAs);
    client.subscribe("counters:secret");
    client.subscribe("counters:whoami");
    return {
      client,
      results: () => {
        try {
          return [client.localQueryResult("counters:secret"), client.localQueryResult("counters:whoami")];
        } catch (error) {
          return String(error);
        }
      },
    };
  }

  it("opens internal functions, and acts as whom it says", async () => {
    const { client, results } = adminClient(backend.adminKey, { subject: "s", issuer: "i", tokenIdentifier: "i|s" });
    await eventually(() =>
      expect(results()).toEqual(["for admins", { subject: "s", issuer: "i", tokenIdentifier: "i|s" }]),
    );
    await client.close();
  });

  it("is refused when wrong, and the client goes on as anyone", async () => {
    const { client, results } = adminClient("0".repeat(64));
    await eventually(() => expect(results()).toMatch(/Could not find public function/));
    await client.close();
  });

  it("is needed for internal functions", async () => {
    await expect(backend.liveClient().client.query(secret, {})).rejects.toThrow(/Could not find public function/);
    await expect(backend.httpClient().query(secret, {})).rejects.toThrow(/Could not find public function/);
  });
});

import { describe, expect, it, vi } from "vitest";
import {
  enqueue,
  expectRefused,
  inComponent,
  lib,
  snapshotOfAllTables,
  startComponent,
  TEST_ENCRYPTION_KEY,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

const VALUE = "shop-secret-0123456789";

async function setUp(t: Harness, isStored: boolean) {
  vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", TEST_ENCRYPTION_KEY);
  vi.stubEnv("CONVEX_CLOUD_URL", "https://happy-animal-123.convex.cloud");
  const profile = { agentKey: "a", version: "1", secretsRef: ["shop", "bank"], enabled: true };
  await t.action(
    async (ctx) => await ctx.runMutation(lib.configureAgent, { ...profile, environment: { SHOP_TOKEN: "shop" } }),
  );
  for (const secretRef of isStored ? ["shop", "bank"] : ["bank"]) {
    await t.action(async (ctx) => await ctx.runAction(lib.importSecret, { secretRef, plaintextValue: VALUE }));
  }
  await enqueue(t, "c", "hi", { agentKey: "a" });
  const worker = await startWorker(t);
  return { worker, claim: await worker.mustClaim() };
}

describe("an agent's variables", () => {
  useFakeClock();

  it("come with hydration, for whoever holds the turn, and stand nowhere else", async () => {
    const t = startComponent();
    const { worker, claim } = await setUp(t, true);
    expect((await worker.hydrate(claim)).environment).toEqual({ SHOP_TOKEN: VALUE });
    expect(JSON.stringify([claim, await worker.inbox()])).not.toContain(VALUE);
    await worker.complete(claim);
    await expectRefused(t, "lease_lost", async () => worker.hydrate(claim));
    expect(JSON.stringify(await snapshotOfAllTables(t))).not.toContain(VALUE);
  });

  it("are those that the profile allows now, not those it once did", async () => {
    const t = startComponent();
    const { worker, claim } = await setUp(t, true);
    await inComponent(t, async (ctx) => {
      const [agent] = await ctx.db.query("agents").take(1);
      if (agent !== undefined) await ctx.db.patch("agents", agent._id, { secretsRef: ["bank"] });
    });
    await expectRefused(t, "secret_missing", async () => worker.hydrate(claim));
  });

  it("are never the provider's token, not even for a profile that names it all the same", async () => {
    const t = startComponent();
    const { worker, claim } = await setUp(t, true);
    const token = "fly.apiToken";
    await t.action(async (ctx) => await ctx.runAction(lib.importSecret, { secretRef: token, plaintextValue: VALUE }));
    const change = async (fields: object) =>
      await inComponent(t, async (ctx) => {
        const [agent] = await ctx.db.query("agents").take(1);
        if (agent !== undefined) await ctx.db.patch("agents", agent._id, fields);
      });
    await change({ environment: {}, bridgeConfig: { enabled: true, serviceKeySecretRef: token } });
    expect((await worker.hydrate(claim)).bridgeRuntimeConfig).toMatchObject({ serviceKey: null });
    await change({ environment: { TOKEN: token }, secretsRef: [token] });
    await expectRefused(t, "secret_missing", async () => worker.hydrate(claim));
  });

  it("name the secret that is not stored", async () => {
    const t = startComponent();
    const { worker, claim } = await setUp(t, false);
    const message = await expectRefused(t, "secret_missing", async () => worker.hydrate(claim));
    expect(message).toMatch(/needs the secret "shop" for SHOP_TOKEN.*importSecret/);
  });
});

import { describe, expect, it, vi } from "vitest";
import type { BridgeConfig } from "../../shared/bridge.js";
import {
  enqueue,
  expectRefused,
  inComponent,
  lib,
  startComponent,
  startWithAgent,
  TEST_ENCRYPTION_KEY,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { HYDRATION_WINDOW_TOKENS } from "../conversations/window.js";

async function configure(t: Harness, bridgeConfig: BridgeConfig, agentKey = "a", botIdentity?: string) {
  return await t.action(
    async (ctx) =>
      await ctx.runMutation(lib.configureAgent, {
        agentKey,
        version: "1",
        secretsRef: [],
        enabled: true,
        bridgeConfig,
        ...(botIdentity === undefined ? {} : { botIdentity }),
      }),
  );
}

async function store(t: Harness, secrets: Record<string, string>) {
  vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", TEST_ENCRYPTION_KEY);
  vi.stubEnv("CONVEX_CLOUD_URL", "https://happy-animal-123.convex.cloud");
  for (const [secretRef, plaintextValue] of Object.entries(secrets)) {
    await t.action(async (ctx) => await ctx.runAction(lib.importSecret, { secretRef, plaintextValue }));
  }
}

async function claimed(t: Harness, agentKey = "a") {
  await enqueue(t, `c-${agentKey}`, "hi", { agentKey });
  const worker = await startWorker(t);
  return { worker, claim: await worker.mustClaim() };
}

async function bridgeOf(t: Harness, agentKey = "a") {
  const { worker, claim } = await claimed(t, agentKey);
  return (await worker.hydrate(claim)).bridgeRuntimeConfig;
}

describe("the bridge in a hydration bundle", () => {
  useFakeClock();

  it("is absent for an agent without one, and for one that has it switched off", async () => {
    const t = await startWithAgent();
    await store(t, { "agent-bridge.serviceKey": "common" });
    expect(await bridgeOf(t)).toBeNull();
    await configure(t, { enabled: false, baseUrl: "https://a.example", serviceId: "s" }, "b");
    expect(await bridgeOf(t, "b")).toBeNull();
  });

  it("takes what the profile says, and the key from the agent's own secret before the common one", async () => {
    const t = startComponent();
    const profile = { enabled: true, baseUrl: "https://a.example", serviceId: "s", appKey: "crm" };
    await configure(t, profile, "a", "@bot");
    await configure(t, profile, "b");
    await store(t, {
      "agent-bridge.serviceKey": "common key",
      "agent-bridge.serviceKey.a": "own key",
      "agent-bridge.baseUrl": "https://not-this.example",
      "agent-bridge.appBaseUrlMapJson": "{}",
    });
    expect(await bridgeOf(t, "a")).toEqual({
      baseUrl: "https://a.example",
      serviceId: "s",
      appKey: "crm",
      serviceKey: "own key",
      serviceKeySecretRef: "agent-bridge.serviceKey.a",
      appBaseUrlMapJson: "{}",
      botIdentity: "@bot",
    });
    expect(await bridgeOf(t, "b")).toMatchObject({
      serviceKey: "common key",
      serviceKeySecretRef: "agent-bridge.serviceKey",
      botIdentity: null,
    });
  });

  it("finds every setting among the secrets that the profile leaves out", async () => {
    const t = startComponent();
    await configure(t, { enabled: true });
    expect(await bridgeOf(t)).toEqual({
      baseUrl: null,
      serviceId: null,
      appKey: null,
      serviceKey: null,
      serviceKeySecretRef: null,
      appBaseUrlMapJson: null,
      botIdentity: null,
    });
    await configure(t, { enabled: true }, "b");
    await store(t, {
      "agent-bridge.baseUrl": "https://common.example",
      "agent-bridge.baseUrl.b": "https://own.example",
      "agent-bridge.serviceId": "common service",
      "agent-bridge.appKey.b": "billing",
    });
    expect(await bridgeOf(t, "b")).toMatchObject({
      baseUrl: "https://own.example",
      serviceId: "common service",
      appKey: "billing",
    });
  });

  it("uses the secret that the profile names, and no other in its place", async () => {
    const t = startComponent();
    await configure(t, { enabled: true, serviceKeySecretRef: "mine", appBaseUrlMapJsonSecretRef: "map" });
    await store(t, { "agent-bridge.serviceKey": "common", map: '{"crm":"https://crm.example"}' });
    expect(await bridgeOf(t)).toMatchObject({
      serviceKey: null,
      serviceKeySecretRef: null,
      appBaseUrlMapJson: '{"crm":"https://crm.example"}',
    });
    await configure(t, { enabled: true, serviceKeySecretRef: "mine" }, "b");
    await store(t, { mine: "named" });
    expect(await bridgeOf(t, "b")).toMatchObject({ serviceKey: "named", serviceKeySecretRef: "mine" });
  });

  it("says which secret another key has sealed, without a word of it", async () => {
    const t = startComponent();
    await configure(t, { enabled: true });
    await store(t, { "agent-bridge.serviceKey": "sk-canary" });
    const { worker, claim } = await claimed(t);
    vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", btoa("x".repeat(32)));
    const message = await expectRefused(t, "secret_unreadable", async () => await worker.hydrate(claim));
    expect(message).toContain("agent-bridge.serviceKey");
    expect(message).not.toContain("sk-canary");
  });

  it("costs at most 16 documents besides the window, with every setting stored and a snapshot", async () => {
    const t = startComponent();
    await configure(t, { enabled: true });
    const settings = ["baseUrl", "serviceId", "appKey", "serviceKey", "appBaseUrlMapJson"];
    await store(t, Object.fromEntries(settings.map((name) => [`agent-bridge.${name}`, "https://a.example"])));
    const { worker, claim } = await claimed(t);
    const { messageId, leaseId, generation } = claim;
    const args = { ...worker.credentials, messageId, leaseId, generation };
    const read = await t.query(async (ctx) => {
      await ctx.runQuery(lib.getHydrationBundle, args);
      return (await ctx.meta.getTransactionMetrics()).documentsRead.used;
    });
    // The pointer to the snapshot and the snapshot itself would be two more.
    expect(read).toBeLessThanOrEqual(16 - 2);
  });
});

describe("the profile's bridge", () => {
  useFakeClock();

  it.each(["http://a.example", "a.example", "https://user:word@a.example"])("refuses the URL %s", async (baseUrl) => {
    const t = startComponent();
    const message = await expectRefused(
      t,
      "invalid_argument",
      async () => await configure(t, { enabled: true, baseUrl }),
    );
    expect(message).toMatch(/^bridgeConfig\.baseUrl /);
  });
});

describe("the history in a hydration bundle", () => {
  useFakeClock();

  it("fits the token budget, newest first in line", async () => {
    const t = await startWithAgent();
    const { worker, claim } = await claimed(t);
    await inComponent(t, async (ctx) => {
      for (let turn = 0; turn < 20; turn++) {
        const place = { conversationId: "c-a", messageId: "past", generation: turn - 100, at: 0 };
        await ctx.db.insert("transcript", { ...place, part: 0, role: "user", content: `question ${turn}` });
        await ctx.db.insert("transcript", { ...place, part: 201, role: "assistant", content: "x".repeat(15_000) });
      }
    });
    const { contextHistory } = (await worker.hydrate(claim)).conversationState;
    expect(contextHistory[0]?.role).toBe("user");
    expect(contextHistory.at(-2)?.content).toBe("question 19");
    const characters = contextHistory.reduce((sum, { content }) => sum + content.length, 0);
    expect(characters).toBeLessThanOrEqual(3 * HYDRATION_WINDOW_TOKENS);
    expect(characters).toBeGreaterThan(2 * HYDRATION_WINDOW_TOKENS);
  });
});

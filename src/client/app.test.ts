import { httpRouter, makeFunctionReference } from "convex/server";
import { describe, expect, it, vi } from "vitest";
import { convexTest } from "convex-test";
import { inComponent, runScheduled, TEST_ENCRYPTION_KEY, useFakeClock } from "../component/setup.test-kit.js";
import { enrollTestWorker, register } from "../test.js";
import { component, startApp } from "./app.test-kit.js";
import { registerRoutes } from "./routes.js";

const asAda = () => ({ userId: "ada", isAdmin: true });
const ada = { consumerUserId: "ada", agentKey: "default" };

describe("an app", () => {
  useFakeClock();

  it("takes a user's message to a worker and the answer back, through exposed functions only", async () => {
    const { t, call } = startApp(asAda);
    await call("seedDefaultAgent");
    await call("bindUserAgent", ada);
    expect(await call("myAgentKey", { consumerUserId: "ada" })).toBe("default");
    const messageId = await call("sendMessageToUserAgent", { ...ada, content: "hello" });
    const { workerId, workerToken } = await enrollTestWorker(t);
    const credentials = { workerId, workerToken };
    const claimed = (await call("workerClaim", credentials)) as Record<string, string | number>;
    expect(claimed).toMatchObject({ messageId, attempt: 1 });
    const { leaseId, generation } = claimed;
    const held = { ...credentials, messageId: String(messageId), leaseId: leaseId ?? "", generation: generation ?? 0 };
    expect(await call("workerHydrationBundle", held)).toMatchObject({ profile: { displayName: "Assistant" } });
    await call("workerAppendTurnDelta", { ...held, offset: 0, text: "hi the" });
    expect(await call("getConversationViewForUserAgent", ada)).toMatchObject({ liveTurn: { text: "hi the" } });
    await call("workerComplete", { ...held, reply: "hi there" });
    expect(await call("getConversationViewForUserAgent", ada)).toMatchObject({
      contextHistory: [{ content: "hello" }, { content: "hi there" }],
    });
    expect(await call("queueStats")).toMatchObject({ done: 1, queued: 0 });
    expect(await call("revokeUserAgentBinding", { consumerUserId: "ada" })).toEqual({ revoked: 1 });
  });

  it("stores secrets and configuration, and shows no secret", async () => {
    vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", TEST_ENCRYPTION_KEY);
    const { call } = startApp(asAda);
    expect(await call("importSecret", { secretRef: "fly.apiToken", plaintextValue: "s3cret" })).toMatchObject({
      version: 1,
    });
    expect(await call("secretStatus", { secretRefs: ["fly.apiToken"] })).toEqual([
      { secretRef: "fly.apiToken", hasActive: true, version: 1 },
    ]);
    expect(await call("getRequiredSecretRefs")).toEqual({ agentKey: null, secretRefs: ["fly.apiToken"] });
    const providerConfig = { kind: "local", appName: "test", image: "test", regions: ["fra"] };
    await call("setProviderRuntimeConfig", { providerConfig });
    expect(await call("getProviderRuntimeConfig")).toEqual(providerConfig);
    await call("setScalingPolicy", { scalingPolicy: { maxWorkers: 3 } });
    expect(await call("getScalingPolicy")).toMatchObject({ maxWorkers: 3, minWorkers: 0 });
  });

  it("runs its crons without any public door", async () => {
    const { t, authenticate } = startApp(() => null);
    const recovered: unknown = await t.mutation(
      makeFunctionReference<"mutation">("agentFactoryCrons:recoverQueue"),
      {},
    );
    expect(recovered).toEqual({ requeued: 0, unlocked: 0 });
    const removed: unknown = await t.mutation(makeFunctionReference<"mutation">("agentFactoryCrons:runRetention"), {});
    expect(removed).toMatchObject({ more: false });
    const reconciled: unknown = await t.action(makeFunctionReference<"action">("agentFactoryCrons:startWorkers"), {});
    expect(reconciled).toEqual({ activeWorkers: 0, spawned: 0, terminated: 0 });
    expect(authenticate).not.toHaveBeenCalled();
  });

  it("starts as many test workers as it likes", async () => {
    const { t, call } = startApp(asAda);
    const workers = [await enrollTestWorker(t), await enrollTestWorker(t), await enrollTestWorker(t)];
    await runScheduled(t, 0);
    expect(await call("workerStats")).toMatchObject({ activeCount: 3, idleCount: 3 });
    expect(new Set(workers.map(({ workerId }) => workerId)).size).toBe(3);
  });
});

describe("the routes", () => {
  useFakeClock();

  function startHttp(pathPrefix?: string) {
    const http = httpRouter();
    registerRoutes(http, component, pathPrefix === undefined ? {} : { pathPrefix });
    const t = convexTest({
      modules: { "./_generated/api.js": async () => ({}), "./http.ts": async () => ({ default: http }) },
    });
    register(t);
    return t;
  }

  it("answer whether the component is well, under the prefix, and nothing about anybody", async () => {
    const response = await startHttp().fetch("/agent-factory/health");
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ ok: true, problem: null });
    expect((await startHttp("/bots/v1").fetch("/bots/v1/health")).status).toBe(200);
    expect((await startHttp("/bots").fetch("/agent-factory/health")).status).toBe(404);
  });

  it("tell what kind of problem the pool has, and none of its details", async () => {
    const t = startHttp();
    await inComponent(t, async (ctx) => {
      const problem = { kind: "provider_unauthorized", message: "Token of app bots-prod is refused.", at: Date.now() };
      const run = { poolKey: "default", status: "idle" as const, generation: 1, deadlineAt: 0, problem };
      await ctx.db.insert("poolRuns", { ...run, consecutiveFailures: 1 });
    });
    const response = await t.fetch("/agent-factory/health");
    expect(await response.json()).toEqual({ ok: false, problem: "provider_unauthorized" });
  });

  it("refuse a prefix that no path could start with", () => {
    for (const prefix of ["", "/", "bots", "/bots/", "/bo ts", "/bots?x"]) {
      expect(() => startHttp(prefix), prefix).toThrow(/pathPrefix must start with "\/"/);
    }
  });
});

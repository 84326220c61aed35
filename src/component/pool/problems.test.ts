/** Everything that keeps the pool from its work is seen where people look, costs little, and heals by itself. */
import { describe, expect, it, vi } from "vitest";
import { enqueue, lib, queueStats, TEST_ENCRYPTION_KEY, type Harness } from "../setup.test-kit.js";
import type { ApiFault } from "./machines-api.test-kit.js";
import { health, letTimePass, liveRows, PROVIDER, reconcile } from "./pool.test-kit.js";
import { setProvider, startPool, storeToken, useFakePool, workerRows } from "./pool.test-kit.js";

const MINUTE = 60_000;

async function waitingReason(t: Harness, conversationId: string) {
  const items = await t.action(
    async (ctx) => await ctx.runQuery(lib.listQueueItemsForConversation, { conversationId }),
  );
  return items[0]?.waitingReason ?? null;
}

/** The message waits, and both the operator and its sender can read why. */
async function expectVisible(t: Harness, kind: string, words: RegExp) {
  expect(await queueStats(t)).toMatchObject({ queued: 1, deadLetter: 0 });
  expect((await health(t)).problem).toMatchObject({ kind });
  expect((await health(t)).problem?.message).toMatch(words);
  expect(await waitingReason(t, "c")).toMatchObject({ kind });
  expect(await liveRows(t)).toEqual([]);
}

describe("a message waits with a reason, and runs once it is gone:", () => {
  useFakePool();

  it("no provider is configured", async () => {
    const { t, api, fleet } = await startPool({}, null);
    await enqueue(t, "c");
    await letTimePass(10_000);
    await expectVisible(t, "provider_config_missing", /setProviderRuntimeConfig/);
    expect(api.calls).toEqual([]);
    // However long it has waited, and however rarely it is tried by now: who changes something does not wait.
    await letTimePass(10 * MINUTE);
    await setProvider(t, PROVIDER);
    await fleet.run(15_000);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(await health(t)).toMatchObject({ problem: null });
  });

  it("there is no encryption key", async () => {
    const { t, fleet } = await startPool();
    vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", "");
    await enqueue(t, "c");
    await letTimePass(10_000);
    await expectVisible(t, "encryption_key_missing", /openssl rand/);
    vi.stubEnv("AGENT_FACTORY_ENCRYPTION_KEY", TEST_ENCRYPTION_KEY);
    await fleet.run(2 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });

  it("the token is not the provider's, and no error repeats it", async () => {
    const { t, api, fleet } = await startPool();
    await storeToken(t, "stolen-token");
    await enqueue(t, "c");
    await letTimePass(10_000);
    await expectVisible(t, "provider_unauthorized", /importSecret/);
    expect(JSON.stringify([await health(t), await workerRows(t), await waitingReason(t, "c")])).not.toContain("stolen");
    await storeToken(t, api.token);
    await fleet.run(2 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(await health(t)).toMatchObject({ problem: null });
  });

  it.each<[string, ApiFault, string]>([
    ["the provider cannot be reached", { kind: "drop" }, "provider_unreachable"],
    ["the provider never answers", { kind: "hang" }, "provider_unreachable"],
    ["the provider fails", { kind: "refuse", status: 503 }, "provider_unreachable"],
    ["the provider is too busy", { kind: "refuse", status: 429 }, "provider_unreachable"],
    ["something else answers in its place", { kind: "garbage" }, "provider_unreachable"],
    ["the app does not exist", { kind: "refuse", status: 404 }, "provider_rejected"],
  ])("%s", async (_what, fault, kind) => {
    const { t, api, fleet } = await startPool();
    api.faultFor = () => fault;
    await enqueue(t, "c");
    await letTimePass(40_000);
    await expectVisible(t, kind, /./);
    api.faultFor = () => null;
    await fleet.run(4 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(await health(t)).toMatchObject({ problem: null });
    expect(api.live().length).toBeLessThanOrEqual(1);
  });

  it.each<[string, ApiFault, string]>([
    [
      "no region has room",
      { kind: "refuse", status: 422, body: { error: "x", status: "insufficient_capacity" } },
      "provider_no_capacity",
    ],
    ["the image is refused", { kind: "refuse", status: 400, body: { error: "invalid image" } }, "provider_rejected"],
    ["a quota is used up", { kind: "refuse", status: 403, body: { error: "quota" } }, "provider_unauthorized"],
    ["the app was deleted", { kind: "refuse", status: 404 }, "provider_rejected"],
  ])("%s", async (_what, fault, kind) => {
    const { t, api, fleet } = await startPool();
    api.faultFor = ({ action }) => (action === "create" ? fault : null);
    await enqueue(t, "c");
    await letTimePass(40_000);
    await expectVisible(t, kind, /./);
    api.faultFor = () => null;
    await fleet.run(4 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(await health(t)).toMatchObject({ problem: null });
  });
});

describe("a provider that fails", () => {
  useFakePool();

  it("costs less and less, however many messages come meanwhile", async () => {
    const { t, api } = await startPool({ maxWorkers: 20, spawnStep: 20 });
    api.faultFor = ({ action }) => (action === "create" ? { kind: "refuse", status: 400 } : null);
    const perMinute = [];
    for (let minute = 0; minute < 10; minute++) {
      const before = api.calls.length;
      for (let message = 0; message < 12; message++) {
        await enqueue(t, `c${minute}-${message}`);
        await letTimePass(5_000);
      }
      perMinute.push(api.calls.length - before);
    }
    expect(perMinute.slice(5).every((calls) => calls <= 4)).toBe(true);
    expect((await workerRows(t)).length).toBeLessThan(60);
    expect(await queueStats(t)).toMatchObject({ queued: 120 });
  });

  it("takes the next region when one is full, under the same name", async () => {
    const { t, api, fleet } = await startPool();
    let regions = 0;
    api.faultFor = ({ action }) =>
      action === "create" && ++regions === 1
        ? { kind: "refuse", status: 422, body: { error: "full", status: "insufficient_capacity" } }
        : null;
    await enqueue(t, "c");
    await fleet.run(20_000);
    expect(api.live().map(({ region }) => region)).toEqual(["ams"]);
    expect(await liveRows(t)).toMatchObject([{ region: "ams", status: "active" }]);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });

  it("says how long to wait is waited for", async () => {
    const { t, api } = await startPool();
    let tries = 0;
    api.faultFor = ({ action }) =>
      action === "create" && ++tries === 1 ? { kind: "refuse", status: 429, headers: { "retry-after": "7" } } : null;
    await enqueue(t, "c");
    await letTimePass(20_000);
    const creates = api.calls.filter(({ action }) => action === "create").map(({ at }) => at);
    expect((creates[1] ?? 0) - (creates[0] ?? 0)).toBe(7_000);
    expect(api.live()).toHaveLength(1);
  });

  it("is not complained about any more once a reconcile has gone well, even one with nothing to do", async () => {
    const { t, api } = await startPool();
    api.faultFor = () => ({ kind: "drop" });
    await reconcile(t);
    expect((await health(t)).problem).toMatchObject({ kind: "provider_unreachable" });
    api.faultFor = () => null;
    await letTimePass(1_000);
    await reconcile(t);
    expect(await health(t)).toMatchObject({ problem: null, reconcile: "idle" });
  });
});

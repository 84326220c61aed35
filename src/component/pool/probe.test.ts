/** A provider that fails is left alone, but for one try now and then; everybody can see it, and whoever mends it does not wait. */
import { describe, expect, it } from "vitest";
import { enqueue, lib, queueStats, type Harness } from "../setup.test-kit.js";
import { health, letTimePass, PROVIDER, reconcile } from "./pool.test-kit.js";
import { setProvider, startPool, storeToken, useFakePool } from "./pool.test-kit.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

async function told(t: Harness): Promise<string[]> {
  const events = await t.action(async (ctx) => await ctx.runQuery(lib.fleetTimeline, {}));
  return events.map(({ kind }) => kind);
}

describe("a token that is refused", () => {
  useFakePool();

  it("is shown less and less often, whoever asks for a reconcile meanwhile, until there is another one", async () => {
    const { t, api, fleet } = await startPool();
    await storeToken(t, "revoked");
    api.calls.length = 0;
    await enqueue(t, "c");
    await letTimePass(SECOND);
    expect((await health(t)).breaker).toMatchObject({ state: "open", failures: 1 });
    for (let passed = 0; passed < 30 * MINUTE; passed += 30 * SECOND) {
      await enqueue(t, "c");
      await reconcile(t);
      await letTimePass(30 * SECOND);
    }
    expect(api.count("list")).toBe(api.calls.length);
    expect(api.calls.length).toBeGreaterThanOrEqual(4);
    expect(api.calls.length).toBeLessThanOrEqual(8);
    const { breaker, problem } = await health(t);
    expect(problem).toMatchObject({ kind: "provider_unauthorized" });
    expect(breaker.state).toBe("open");
    expect(breaker.nextTryAt).toBeGreaterThan(Date.now());
    expect(breaker.nextTryAt).toBeLessThanOrEqual(Date.now() + 17 * MINUTE);

    const calls = api.calls.length;
    await storeToken(t, api.token);
    await letTimePass(3 * SECOND);
    expect(api.calls.length).toBeGreaterThan(calls);
    expect(await health(t)).toMatchObject({
      problem: null,
      breaker: { state: "closed", failures: 0, nextTryAt: null },
    });
    await fleet.run(6 * MINUTE, 5 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 61, queued: 0 });
  });

  it("does not keep another one from being tried, although a run with it is still on its way", async () => {
    const { t, api } = await startPool();
    let lists = 0;
    api.faultFor = ({ action }) => (action === "list" && lists++ === 0 ? { kind: "hang" } : null);
    await enqueue(t, "c");
    await letTimePass(5 * SECOND);
    await storeToken(t, api.token);
    await letTimePass(15 * SECOND);
    expect(lists).toBeGreaterThan(1);
    expect((await health(t)).breaker).toMatchObject({ state: "closed", failures: 0 });
    expect(api.count("create")).toBe(1);
  });
});

describe("a provider that is down", () => {
  useFakePool();

  it("is asked three times, then now and then by one run, and as always once it has answered", async () => {
    const { t, api, fleet } = await startPool();
    api.faultFor = () => ({ kind: "refuse", status: 503 });
    await enqueue(t, "c");
    await letTimePass(9 * SECOND);
    expect(api.calls).toHaveLength(3);
    expect((await health(t)).breaker).toMatchObject({ state: "open", failures: 3 });
    expect(await told(t)).toContain("provider_paused");
    for (let call = 0; call < 20; call++) await reconcile(t);
    expect(api.calls).toHaveLength(3);
    await fleet.run(10 * MINUTE, 10 * SECOND);
    expect(api.calls.length).toBeGreaterThanOrEqual(7);
    expect(api.calls.length).toBeLessThanOrEqual(13);
    api.faultFor = () => null;
    await fleet.run(3 * MINUTE);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
    expect(await health(t)).toMatchObject({ problem: null, breaker: { state: "closed", failures: 0 } });
    expect(await told(t)).toContain("recovered");
  });

  it("is asked by one run at a time", async () => {
    const { t, api } = await startPool();
    api.faultFor = () => ({ kind: "drop" });
    await enqueue(t, "c");
    await letTimePass(9 * SECOND);
    const { nextTryAt } = (await health(t)).breaker;
    const calls = api.calls.length;
    api.faultFor = () => ({ kind: "hang" });
    await letTimePass((nextTryAt ?? 0) - Date.now() + 10);
    expect((await health(t)).breaker).toMatchObject({ state: "half_open", nextTryAt: null });
    for (let run = 0; run < 5; run++) await reconcile(t);
    await enqueue(t, "d");
    await letTimePass(10 * SECOND);
    expect(api.calls.length).toBe(calls + 1);
    await letTimePass(6 * SECOND);
    expect((await health(t)).breaker).toMatchObject({ state: "open", failures: 4 });
  });

  it("is tried at once when its configuration is stored anew", async () => {
    const { t, api, fleet } = await startPool();
    api.faultFor = () => ({ kind: "hang" });
    await enqueue(t, "c");
    await letTimePass(10 * MINUTE);
    expect((await health(t)).breaker.state).not.toBe("closed");
    api.faultFor = () => null;
    await setProvider(t, PROVIDER);
    await fleet.run(20 * SECOND);
    expect(await queueStats(t)).toMatchObject({ done: 1 });
  });

  it("is left alone also by a pool that nobody waits for", async () => {
    const { t, api } = await startPool();
    api.faultFor = () => ({ kind: "drop" });
    // A cron.
    for (let minute = 0; minute < 60; minute++) {
      await reconcile(t);
      await letTimePass(MINUTE);
    }
    expect((await health(t)).breaker.state).toBe("open");
    expect(api.calls.length).toBeLessThanOrEqual(35);
  });
});

describe("a region without room, or a request that is refused", () => {
  useFakePool();

  it.each([
    { status: 422, body: { error: "full", status: "insufficient_capacity" } },
    { status: 400, body: { error: "invalid image" } },
  ])("($status) is an answer: the pool goes on with everything else", async (refusal) => {
    const { t, api, fleet } = await startPool({ suspendAfterMs: 5 * SECOND });
    await enqueue(t, "c");
    await fleet.run(40 * SECOND);
    api.faultFor = ({ action }) => (action === "create" ? { kind: "refuse", ...refusal } : null);
    await enqueue(t, "other");
    await fleet.run(2 * MINUTE);
    expect((await health(t)).breaker).toMatchObject({ state: "closed", failures: 0 });
    await enqueue(t, "c");
    await fleet.run(4 * SECOND);
    // Woken, although nothing can be made.
    expect(await queueStats(t)).toMatchObject({ done: 2, queued: 1 });
  });
});

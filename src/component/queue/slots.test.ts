import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Claim } from "../../shared/worker-protocol.js";
import {
  bindUser,
  cancel,
  configureAgent,
  enqueue,
  inComponent,
  passTime,
  queueStats,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

async function lanes(t: Harness) {
  return (await snapshotOfAllTables(t)).lanes ?? [];
}

async function inState(t: Harness, state: string): Promise<unknown[]> {
  return (await lanes(t)).filter((lane) => lane["state"] === state).map(({ conversationId }) => conversationId);
}

const busy = { policy: { isolation: "shared", conversationsPerWorker: 50, leaseDurationMs: 3_600_000 } } as const;

describe("a cap on conversations of one agent", () => {
  useFakeClock();

  it("holds back what would go beyond it, and lets the one that waits longest follow", async () => {
    const t = await startWithAgent({ maxConcurrent: 2 });
    const worker = await startWorker(t, busy);
    for (const conversation of ["c1", "c2", "c3", "c4"]) {
      await enqueue(t, conversation);
      passTime(1);
    }
    expect(await inState(t, "throttled")).toEqual(["c3", "c4"]);
    expect(await queueStats(t)).toMatchObject({ queuedReady: 2, queued: 4 });
    const [first, second] = [await worker.mustClaim(), await worker.mustClaim()];
    expect([first.conversationId, second.conversationId]).toEqual(["c1", "c2"]);
    expect(await worker.claim()).toBeNull();
    await worker.complete(first);
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "c3" });
    await worker.fail(second, "no", false);
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "c4" });
  });

  it("does not touch other agents, nor agents without one", async () => {
    const t = await startWithAgent({ maxConcurrent: 1 });
    await configureAgent(t, "b");
    for (const conversation of ["c1", "c2"]) await enqueue(t, conversation);
    for (const conversation of ["d1", "d2", "d3"]) await enqueue(t, conversation, "hi", { agentKey: "b" });
    expect(await inState(t, "throttled")).toEqual(["c2"]);
    const { laneSlots } = await snapshotOfAllTables(t);
    expect(laneSlots).toMatchObject([{ group: "agent:a", held: 1 }]);
  });

  it("lets a higher priority go first among those that wait", async () => {
    const t = await startWithAgent({ maxConcurrent: 1 });
    const worker = await startWorker(t, busy);
    await enqueue(t, "running");
    const claimed = await worker.mustClaim();
    await enqueue(t, "low");
    passTime(1_000);
    await enqueue(t, "high", "hi", { priority: 50 });
    await worker.complete(claimed);
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "high" });
  });

  it("sends a conversation with more to say to the end of the line", async () => {
    const t = await startWithAgent({ maxConcurrent: 1 });
    const worker = await startWorker(t, busy);
    await enqueue(t, "chatty", "1");
    await enqueue(t, "chatty", "2");
    const claimed = await worker.mustClaim();
    await enqueue(t, "quiet");
    await worker.complete(claimed);
    const next = await worker.mustClaim();
    expect(next.conversationId).toBe("quiet");
    expect(await inState(t, "throttled")).toEqual(["chatty"]);
    await worker.complete(next);
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "chatty" });
  });

  it("gives a slot on when its lane is canceled, put off, or its agent's messages are put aside", async () => {
    const t = await startWithAgent({ maxConcurrent: 1 });
    const worker = await startWorker(t, busy);
    const first = await enqueue(t, "c1");
    const second = await enqueue(t, "c2");
    await enqueue(t, "c3");
    await cancel(t, second);
    expect(await inState(t, "throttled")).toEqual(["c3"]);
    await cancel(t, first);
    const claimed = await worker.mustClaim();
    expect(claimed.conversationId).toBe("c3");
    await enqueue(t, "c4");
    // It backs off, and somebody else can use its slot meanwhile.
    await worker.fail(claimed);
    const other = await worker.mustClaim();
    expect(other.conversationId).toBe("c4");
    await runScheduled(t, 2_000);
    expect(await inState(t, "throttled")).toEqual(["c3"]);
    await worker.complete(other);
    expect(await worker.mustClaim()).toMatchObject({ conversationId: "c3", attempt: 2 });
  });

  it("is given up with the worker that dies", async () => {
    const t = await startWithAgent({ maxConcurrent: 1 });
    const worker = await startWorker(t);
    await enqueue(t, "c1");
    await enqueue(t, "c2");
    await worker.mustClaim();
    await runScheduled(t, 46_000);
    expect(await (await startWorker(t)).mustClaim()).toMatchObject({ conversationId: "c2" });
  });

  it("can be raised, lowered and removed while conversations wait", async () => {
    const t = await startWithAgent({ maxConcurrent: 1 });
    const worker = await startWorker(t, busy);
    for (const conversation of ["c1", "c2", "c3", "c4", "c5"]) await enqueue(t, conversation);
    await configureAgent(t, "a", true, { maxConcurrent: 3 });
    await runScheduled(t);
    expect(await inState(t, "throttled")).toHaveLength(2);
    const running = [await worker.mustClaim(), await worker.mustClaim(), await worker.mustClaim()];
    await configureAgent(t, "a", true, { maxConcurrent: 1 });
    await runScheduled(t);
    // Those that run go on; nobody follows before it is their turn under the new cap.
    for (const claimed of running.slice(0, 2)) await worker.complete(claimed);
    expect(await inState(t, "throttled")).toHaveLength(2);
    await configureAgent(t, "a", true);
    await runScheduled(t);
    expect(await inState(t, "throttled")).toEqual([]);
    expect(await queueStats(t)).toMatchObject({ queuedReady: 2, processing: 1 });
    const last = running[2];
    if (last !== undefined) await worker.complete(last);
    expect((await snapshotOfAllTables(t)).laneSlots).toEqual([]);
  });
});

describe("conversations that were held back for an agent that is gone", () => {
  useFakeClock();

  it("are looked at again when it is configured anew", async () => {
    const t = await startWithAgent({ maxConcurrent: 1 });
    const worker = await startWorker(t, busy);
    for (const conversation of ["c1", "c2", "c3"]) await enqueue(t, conversation);
    const claimed = await worker.mustClaim("c1");
    await inComponent(t, async (ctx) => {
      const agent = await ctx.db.query("agents").first();
      if (agent !== null) await ctx.db.delete("agents", agent._id);
    });
    await configureAgent(t, "a");
    await runScheduled(t);
    expect(await inState(t, "throttled")).toEqual([]);
    await worker.complete(claimed);
    expect((await snapshotOfAllTables(t)).laneSlots).toEqual([]);
  });
});

describe("a cap on conversations of one user", () => {
  useFakeClock();

  it("counts all their agents, and nobody else's", async () => {
    const t = await startWithAgent({ maxConcurrentPerUser: 1 });
    await configureAgent(t, "b", true, { maxConcurrentPerUser: 1 });
    const alice = [await bindUser(t, "alice", "a"), await bindUser(t, "alice", "b")];
    const bob = await bindUser(t, "bob", "a");
    await enqueue(t, alice[0] ?? "");
    await enqueue(t, alice[1] ?? "", "hi", { agentKey: "b" });
    await enqueue(t, bob);
    expect(await inState(t, "throttled")).toEqual([alice[1]]);
    const worker = await startWorker(t, busy);
    await worker.complete(await worker.mustClaim(alice[0]));
    expect(await worker.mustClaim(alice[1])).toMatchObject({ agentKey: "b" });
  });

  it("and one of the agent hold together, and nobody waits for a slot that is free", async () => {
    const t = await startWithAgent({ maxConcurrent: 2, maxConcurrentPerUser: 1 });
    const worker = await startWorker(t, busy);
    const conversations = [];
    for (const user of ["u1", "u2", "u3"]) conversations.push(await bindUser(t, user));
    for (const conversation of conversations) await enqueue(t, conversation);
    expect(await inState(t, "throttled")).toEqual([conversations[2]]);
    await worker.complete(await worker.mustClaim(conversations[0]));
    expect(await inState(t, "throttled")).toEqual([]);
    for (const conversation of conversations.slice(1)) await worker.complete(await worker.mustClaim(conversation));
    expect((await snapshotOfAllTables(t)).laneSlots).toEqual([]);
  });
});

type Step = { do: "enqueue" | "claim" | "complete" | "fail" | "cancel" | "wait"; pick: number };
const steps = fc.array(
  fc.record<Step>({
    do: fc.constantFrom("enqueue", "enqueue", "claim", "claim", "complete", "fail", "cancel", "wait"),
    pick: fc.nat(7),
  }),
  { minLength: 10, maxLength: 40 },
);

describe("slots, whatever happens", () => {
  useFakeClock();

  it("are held by exactly the lanes that are going, never more than the cap, and never free while somebody waits", async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (script) => {
        const t = await startWithAgent({ maxConcurrent: 3, maxConcurrentPerUser: 1 });
        const worker = await startWorker(t, busy);
        const users = ["u1", "u2", "u3", "u4"];
        const conversations = [];
        for (const user of users) conversations.push(await bindUser(t, user));
        const held: Claim[] = [];
        const sent: string[] = [];
        for (const { do: what, pick } of script) {
          // Half of the conversations are nobody's: only the agent's cap is for them.
          const conversation = conversations[pick] ?? `c${pick}`;
          if (what === "enqueue") sent.push(await enqueue(t, conversation, "hi", { maxAttempts: 2 }));
          if (what === "cancel" && sent.length > 0) await cancel(t, sent[pick % sent.length] ?? "");
          if (what === "wait") await runScheduled(t, 1_500);
          if (what === "claim") {
            const claimed = await worker.claim();
            if (claimed !== null) held.push(claimed);
          }
          const claimed = what === "complete" || what === "fail" ? held.pop() : undefined;
          if (claimed !== undefined) {
            await (what === "complete" ? worker.complete(claimed) : worker.fail(claimed)).catch(() => undefined);
          }
          await expectConsistentSlots(t);
        }
      }),
      { numRuns: 30 },
    );
  }, 60_000);
});

async function expectConsistentSlots(t: Harness): Promise<void> {
  const { laneSlots = [], lanes: all = [] } = await snapshotOfAllTables(t);
  const holders = new Map<string, number>();
  for (const lane of all) {
    const slots = (lane["slots"] ?? []) as string[];
    for (const group of slots) holders.set(group, (holders.get(group) ?? 0) + 1);
    const state = String(lane["state"]);
    expect(slots.length > 0).toBe(["ready", "leased"].includes(state) || (state === "throttled" && slots.length > 0));
    expect(lane["waitsFor"] === undefined).toBe(state !== "throttled");
  }
  const rows = new Map(laneSlots.map((row) => [String(row["group"]), Number(row["held"])]));
  expect(rows).toEqual(holders);
  for (const [group, held] of rows) expect(held).toBeLessThanOrEqual(group.startsWith("user:") ? 1 : 3);
  for (const lane of all.filter(({ state }) => state === "throttled")) {
    const group = String(lane["waitsFor"]);
    expect(rows.get(group)).toBe(group.startsWith("user:") ? 1 : 3);
  }
}

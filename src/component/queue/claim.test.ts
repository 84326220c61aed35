import { describe, expect, it } from "vitest";
import type { Claim } from "../../shared/worker-protocol.js";
import {
  configureAgent,
  enqueue,
  inComponent,
  lib,
  passTime,
  queueStats,
  runScheduled,
  snapshotOfAllTables,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker, type StartedWorker } from "../worker.test-kit.js";

async function startWorkers(t: Harness, count: number): Promise<StartedWorker[]> {
  const workers = [];
  for (let index = 0; index < count; index++) {
    workers.push(await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 4 } }));
  }
  return workers;
}

describe("claims", () => {
  useFakeClock();

  it("of many workers at once never meet: every conversation is claimed by one", async () => {
    const t = await startWithAgent();
    const workers = await startWorkers(t, 6);
    for (let index = 0; index < 10; index++) {
      await enqueue(t, `c${index}`, "first");
      await enqueue(t, `c${index}`, "second");
    }
    const claims: Claim[] = [];
    // A claim can come away empty when others took all it had looked at; its inbox then shows what is left.
    for (let round = 0; round < 5; round++) {
      const some = await Promise.all(workers.map(async (worker) => await worker.claim()));
      claims.push(...some.filter((claim) => claim !== null));
    }
    expect(claims.map(({ conversationId }) => conversationId).sort()).toEqual(
      Array.from({ length: 10 }, (_, index) => `c${index}`),
    );
    expect(new Set(claims.map(({ messageId }) => messageId)).size).toBe(10);
    expect(claims.every(({ payload }) => payload.messageText === "first")).toBe(true);
    expect(await queueStats(t)).toMatchObject({ processing: 10, queued: 10, queuedReady: 0 });
  });

  it("give one conversation to one worker at a time", async () => {
    const t = await startWithAgent();
    const [one, other] = await startWorkers(t, 2);
    await enqueue(t, "c", "first");
    await enqueue(t, "c", "second");
    const claimed = await one!.mustClaim();
    expect(await other!.claim()).toBeNull();
    expect(await one!.claim()).toBeNull();
    await one!.complete(claimed);
    expect(await one!.mustClaim()).toMatchObject({ payload: { messageText: "second" } });
  });

  it("carry a generation that is greater than any before, whatever ended the one before", async () => {
    const t = await startWithAgent();
    const [worker] = await startWorkers(t, 1);
    await enqueue(t, "c", "hi", { maxAttempts: 10 });
    await enqueue(t, "c", "again");
    const generations: number[] = [];
    const next = async (): Promise<Claim> => {
      const claimed = await worker!.mustClaim();
      generations.push(claimed.generation);
      return claimed;
    };
    await worker!.release(await next());
    await worker!.fail(await next());
    await runScheduled(t, 5_000);
    await next();
    passTime(45_000);
    expect(await worker!.heartbeat()).toBe(false);
    await runScheduled(t, 10_000);
    await worker!.complete(await next());
    await worker!.complete(await next());
    expect(generations).toEqual([1, 2, 3, 4, 5]);
  });

  it("are for who is alive: a worker whose heartbeat lapsed must send one first", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    passTime(45_000);
    const before = await snapshotOfAllTables(t);
    expect(await worker.claim()).toBeNull();
    expect(await snapshotOfAllTables(t)).toEqual(before);
    await worker.heartbeat();
    expect(await worker.claim()).not.toBeNull();
  });

  it("stop at the worker's capacity", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 2 } });
    for (const conversationId of ["c", "d", "e"]) await enqueue(t, conversationId);
    const first = await worker.mustClaim();
    await worker.mustClaim();
    expect(await worker.claim()).toBeNull();
    await worker.complete(first);
    expect(await worker.claim()).not.toBeNull();
  });

  it("run one conversation at a time under isolation by conversation, whatever the policy's number", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "conversation", conversationsPerWorker: 8 } });
    expect(worker.enrollment.conversationsPerWorker).toBe(1);
  });

  it("that find nothing write nothing", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const before = await snapshotOfAllTables(t);
    expect(await worker.claim()).toBeNull();
    expect(await worker.claim("nowhere")).toBeNull();
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("can ask for one conversation", async () => {
    const t = await startWithAgent();
    const [worker] = await startWorkers(t, 1);
    await enqueue(t, "c");
    await enqueue(t, "d");
    expect(await worker!.mustClaim("d")).toMatchObject({ conversationId: "d" });
    expect(await worker!.claim("d")).toBeNull();
  });

  it("tell when the lease ends: with the heartbeat it hangs on, or at the run's deadline", async () => {
    const t = await startWithAgent();
    const enrolledAt = Date.now();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    passTime(10_000);
    expect(await worker.mustClaim()).toMatchObject({ leaseExpiresAt: enrolledAt + 45_000, runTimeoutMs: 900_000 });
    const hasty = await startWorker(t, { policy: { runTimeoutMs: 5_000 } });
    await enqueue(t, "d");
    expect(await hasty.mustClaim()).toMatchObject({ leaseExpiresAt: Date.now() + 5_000 });
  });
});

async function removeAgent(t: Harness): Promise<void> {
  await inComponent(t, async (ctx) => {
    const agent = await ctx.db.query("agents").first();
    if (agent !== null) await ctx.db.delete("agents", agent._id);
  });
}

describe("a message whose agent was removed before it could be claimed", () => {
  useFakeClock();

  it("becomes a dead letter that says why, and what is behind it follows", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    const messageId = await enqueue(t, "c", "hello?");
    await enqueue(t, "c", "anyone?");
    await removeAgent(t);
    expect(await worker.claim()).toBeNull();
    expect(await worker.claim()).toBeNull();
    const { messages, lanes, transcript } = await snapshotOfAllTables(t);
    expect(messages).toMatchObject([
      { _id: messageId, status: "dead_letter", attempts: 0, lastError: 'Agent "a" was removed.' },
      { status: "dead_letter" },
    ]);
    expect(lanes).toMatchObject([{ state: "idle", queuedCount: 0 }]);
    expect(transcript?.map(({ content }) => content)).toEqual([
      "hello?",
      'This message could not be answered: Agent "a" was removed.',
      "anyone?",
      'This message could not be answered: Agent "a" was removed.',
    ]);
    expect(await queueStats(t)).toMatchObject({ queuedReady: 0, queued: 0, processing: 0, done: 0, deadLetter: 2 });
  });

  it("is told in its place among the turns", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c", "one");
    await worker.complete(await worker.mustClaim(), "1");
    await enqueue(t, "c", "two");
    await removeAgent(t);
    await worker.claim();
    await configureAgent(t, "a");
    await enqueue(t, "c", "three");
    const bundle = await worker.hydrate(await worker.mustClaim());
    expect(bundle.conversationState.contextHistory.map(({ role, content }) => [role, content])).toEqual([
      ["user", "one"],
      ["assistant", "1"],
      ["user", "two"],
      ["system", expect.stringContaining("could not be answered")],
    ]);
  });
});

describe("claimed messages", () => {
  useFakeClock();

  it("start in the order in which they were accepted, across failure, release and loss", async () => {
    const t = await startWithAgent();
    const started: string[] = [];
    for (const text of ["1", "2", "3", "4"]) await enqueue(t, "c", text);
    let worker = await startWorker(t);
    const next = async () => {
      const claimed = await worker.mustClaim();
      started.push(claimed.payload.messageText);
      return claimed;
    };
    await worker.fail(await next());
    expect(await worker.claim()).toBeNull();
    await runScheduled(t, 2_000);
    await worker.release(await next());
    await worker.complete(await next());
    await next();
    // It dies with "2", and another worker goes on.
    passTime(45_000);
    await t.action(async (ctx) => await ctx.runMutation(lib.releaseStuckJobs, {}));
    await runScheduled(t, 2_000);
    worker = await startWorker(t);
    await worker.complete(await next());
    await worker.fail(await next(), "never", false);
    await worker.complete(await next());
    expect(started).toEqual(["1", "1", "1", "2", "2", "3", "4"]);
    const lanes = await inComponent(t, async (ctx) => await ctx.db.query("lanes").collect());
    expect(lanes).toMatchObject([{ state: "idle", queuedCount: 0, lastSequence: 4 }]);
  });
});

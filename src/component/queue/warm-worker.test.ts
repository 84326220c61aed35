import { describe, expect, it } from "vitest";
import {
  bindUser,
  enqueue,
  inComponent,
  passTime,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import { WARM_WORKER_GRACE_MS } from "./lane.js";

async function laneOf(t: Harness, conversationId: string) {
  const lanes = await inComponent(t, async (ctx) => await ctx.db.query("lanes").collect());
  return lanes.find((lane) => lane.conversationId === conversationId);
}

/** A conversation that `warm` has served and that has a message again. */
async function servedOnce(t: Harness, policy = { isolation: "shared" as const, conversationsPerWorker: 4 }) {
  const warm = await startWorker(t, { policy });
  const other = await startWorker(t, { policy });
  await enqueue(t, "c", "first");
  await warm.complete(await warm.mustClaim());
  await enqueue(t, "c", "second");
  return { warm, other };
}

describe("a conversation with a warm worker", () => {
  useFakeClock();

  it("waits for that worker for a moment", async () => {
    const t = await startWithAgent();
    const { warm, other } = await servedOnce(t);
    expect(await other.claim()).toBeNull();
    expect(await other.claim("c")).toBeNull();
    expect(await warm.mustClaim()).toMatchObject({ conversationId: "c" });
  });

  it("is anybody's once the moment has passed", async () => {
    const t = await startWithAgent();
    const { other } = await servedOnce(t);
    passTime(WARM_WORKER_GRACE_MS - 1);
    await sweep(t);
    expect(await other.claim()).toBeNull();
    passTime(1);
    await sweep(t);
    expect(await other.mustClaim()).toMatchObject({ conversationId: "c" });
  });

  it("keeps its place in the ready set when the moment has passed", async () => {
    const t = await startWithAgent();
    await servedOnce(t);
    const before = await laneOf(t, "c");
    passTime(WARM_WORKER_GRACE_MS);
    await sweep(t);
    expect(await laneOf(t, "c")).toMatchObject({ audience: "any", rank: before?.rank });
  });

  it("does not wait for a worker whose heartbeat has stopped", async () => {
    const t = await startWithAgent();
    const warm = await startWorker(t);
    await enqueue(t, "c");
    await warm.complete(await warm.mustClaim());
    passTime(45_000);
    await enqueue(t, "c");
    expect(await laneOf(t, "c")).toMatchObject({ state: "ready", audience: "any" });
  });

  it("does not wait for a worker that has no place for it", async () => {
    for (const conversationsPerWorker of [1, 2]) {
      const t = await startWithAgent();
      const warm = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker } });
      await enqueue(t, "c");
      await warm.complete(await warm.mustClaim());
      for (let index = 0; index < conversationsPerWorker; index++) await enqueue(t, `other${index}`);
      const held = [];
      for (let index = 0; index < conversationsPerWorker; index++) held.push(await warm.mustClaim(`other${index}`));
      await enqueue(t, "c");
      expect(await laneOf(t, "c")).toMatchObject({ state: "ready", audience: "any" });
      const [first] = held;
      if (first === undefined) throw new Error("It holds nothing.");
      await warm.complete(first);
      await enqueue(t, "other0");
      expect(await laneOf(t, "other0")).toMatchObject({ state: "ready", audience: warm.workerId });
    }
  });

  it("hands the next message to the worker that answered the one before", async () => {
    const t = await startWithAgent();
    const { warm, other } = await servedOnce(t);
    await enqueue(t, "c", "third");
    await warm.complete(await warm.mustClaim());
    expect(await other.claim()).toBeNull();
    expect(await warm.mustClaim()).toMatchObject({ payload: { messageText: "third" } });
  });

  it("is not reserved for a worker that gave the message back or was lost", async () => {
    const t = await startWithAgent();
    const { warm, other } = await servedOnce(t);
    await warm.release(await warm.mustClaim());
    expect(await other.mustClaim()).toMatchObject({ conversationId: "c" });
  });

  it("comes first for its own worker, before what is older and open to all", async () => {
    const t = await startWithAgent();
    const policy = { isolation: "shared" as const, conversationsPerWorker: 4 };
    const warm = await startWorker(t, { policy });
    await enqueue(t, "c", "first");
    await warm.complete(await warm.mustClaim());
    await enqueue(t, "older");
    passTime(1_000);
    await enqueue(t, "c", "second");
    expect(await warm.mustClaim()).toMatchObject({ conversationId: "c" });
  });
});

describe("what is reserved for one worker of a user", () => {
  useFakeClock();

  it("does not hide what the user's other worker may take", async () => {
    const t = await startWithAgent();
    const policy = { isolation: "user" as const, conversationsPerWorker: 8 };
    const warm = await startWorker(t, { policy });
    const other = await startWorker(t, { policy });
    // Conversations of one user: more than a claim looks at, all reserved but the last.
    const reserved = ["r1", "r2", "r3", "r4", "r5"];
    const conversations = [...reserved, "free", "start"];
    const bindingConversation = await bindUser(t, "ada");
    await enqueue(t, bindingConversation);
    await inComponent(t, async (ctx) => {
      const lane = await ctx.db.query("lanes").first();
      if (lane === null) throw new Error("no lane");
      const { _id, _creationTime, ...row } = lane;
      for (const conversationId of conversations) {
        const audience = reserved.includes(conversationId) ? warm.workerId : "any";
        await ctx.db.insert("lanes", { ...row, conversationId, audience });
      }
      const message = await ctx.db.query("messages").first();
      if (message === null) throw new Error("no message");
      const { _id: _messageId, _creationTime: _at, ...fields } = message;
      for (const conversationId of conversations) await ctx.db.insert("messages", { ...fields, conversationId });
    });
    await other.complete(await other.mustClaim("start"));
    expect((await other.inbox()).work).not.toBeNull();
    const taken = [await other.mustClaim(), await other.mustClaim()].map(({ conversationId }) => conversationId);
    expect(taken.sort()).toEqual([bindingConversation, "free"].sort());
    expect(await other.claim()).toBeNull();
    expect((await other.inbox()).work).toBeNull();
  });

  it("is announced to the others when nobody came for it", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    const policy = { isolation: "user" as const, conversationsPerWorker: 2 };
    const warm = await startWorker(t, { policy });
    const other = await startWorker(t, { policy });
    await enqueue(t, conversationId);
    await other.release(await other.mustClaim());
    await warm.complete(await warm.mustClaim());
    await enqueue(t, conversationId);
    expect((await other.inbox()).work).toBeNull();
    expect((await warm.inbox()).work).not.toBeNull();
    passTime(WARM_WORKER_GRACE_MS);
    await sweep(t);
    expect((await other.inbox()).work).not.toBeNull();
    expect(await other.mustClaim()).toMatchObject({ conversationId });
  });

  it("is announced to a worker of the same conversation as well", async () => {
    const t = await startWithAgent();
    const warm = await startWorker(t);
    const other = await startWorker(t);
    await enqueue(t, "c");
    await other.release(await other.mustClaim());
    await warm.complete(await warm.mustClaim());
    await enqueue(t, "c");
    expect((await other.inbox()).work).toBeNull();
    passTime(WARM_WORKER_GRACE_MS);
    await sweep(t);
    expect((await other.inbox()).work).not.toBeNull();
  });
});

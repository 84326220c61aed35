import { describe, expect, it } from "vitest";
import type { Isolation } from "../../shared/scope.js";
import {
  bindUser,
  configureAgent,
  enqueue,
  inComponent,
  passTime,
  startWithAgent,
  sweep,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";

/** Two users with two agents each, one conversation per pair; all of them with a message. */
async function twoUsersWithTwoAgents(t: Harness) {
  await configureAgent(t, "b");
  const conversations: Record<string, string> = {};
  for (const user of ["ada", "bob"]) {
    for (const agentKey of ["a", "b"]) {
      const conversationId = await bindUser(t, user, agentKey);
      conversations[`${user}/${agentKey}`] = conversationId;
      await enqueue(t, conversationId, "hi", { agentKey });
    }
  }
  return conversations;
}

/** Everything a worker gets that first takes Ada's conversation with agent "a" and then whatever it is given. */
async function servedBy(isolation: Isolation): Promise<string[]> {
  const t = await startWithAgent();
  const conversations = await twoUsersWithTwoAgents(t);
  const worker = await startWorker(t, { policy: { isolation, conversationsPerWorker: 4 } });
  let claimed = await worker.claim(conversations["ada/a"]);
  const served: string[] = [];
  while (claimed !== null) {
    const { conversationId } = claimed;
    served.push(Object.entries(conversations).find(([, id]) => id === conversationId)?.[0] ?? "?");
    await worker.complete(claimed);
    claimed = await worker.claim();
  }
  return served.sort();
}

describe("a worker that has served somebody", () => {
  useFakeClock();

  it("serves that conversation only, under isolation by conversation", async () => {
    expect(await servedBy("conversation")).toEqual(["ada/a"]);
  });

  it("serves that user only, under isolation by user", async () => {
    expect(await servedBy("user")).toEqual(["ada/a", "ada/b"]);
  });

  it("serves that agent only, under isolation by agent", async () => {
    expect(await servedBy("agent")).toEqual(["ada/a", "bob/a"]);
  });

  it("serves everybody when shared", async () => {
    expect(await servedBy("shared")).toEqual(["ada/a", "ada/b", "bob/a", "bob/b"]);
  });

  it("is not given another's conversation when it asks for it by name", async () => {
    const t = await startWithAgent();
    const conversations = await twoUsersWithTwoAgents(t);
    for (const isolation of ["conversation", "user", "agent"] as const) {
      const worker = await startWorker(t, { policy: { isolation, conversationsPerWorker: 4 } });
      await worker.complete(await worker.mustClaim(conversations["ada/a"]));
      await enqueue(t, conversations["ada/a"] ?? "");
      expect(await worker.claim(conversations["bob/b"])).toBeNull();
      await worker.complete(await worker.mustClaim());
      await enqueue(t, conversations["ada/a"] ?? "");
      passTime(3_000);
      await sweep(t);
    }
  });

  it("is given nothing of another pool, not even by name, and sees nothing of it", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "shared", conversationsPerWorker: 4 } });
    await inComponent(t, async (ctx) => {
      const [row] = await ctx.db.query("workers").take(1);
      if (row !== undefined) await ctx.db.patch("workers", row._id, { poolKey: "other" });
    });
    await enqueue(t, "c");
    expect([await worker.claim(), await worker.claim("c")]).toEqual([null, null]);
    expect((await worker.inbox()).work).toBeNull();
  });

  it("keeps to its first claim when the policy changes", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "conversation" } });
    await enqueue(t, "c");
    await worker.complete(await worker.mustClaim());
    await startWorker(t, { policy: { isolation: "shared" } });
    await enqueue(t, "d");
    expect(await worker.claim("d")).toBeNull();
  });

  it("is somebody else's no more than before when its turn came to nothing", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t);
    await enqueue(t, "c");
    await worker.release(await worker.mustClaim());
    await enqueue(t, "d");
    expect(await worker.claim("d")).toBeNull();
  });

  it("takes a conversation without a user for one of its own, under isolation by user", async () => {
    const t = await startWithAgent();
    const worker = await startWorker(t, { policy: { isolation: "user", conversationsPerWorker: 4 } });
    await enqueue(t, "nobodys");
    await enqueue(t, "nobodys-either");
    await worker.complete(await worker.mustClaim("nobodys"));
    expect(await worker.claim()).toBeNull();
    expect(await worker.claim("nobodys-either")).toBeNull();
  });
});

describe("whether more messages wait", () => {
  useFakeClock();

  it("is told to a worker of the user, also while it runs the one before", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    const worker = await startWorker(t, { policy: { isolation: "user", conversationsPerWorker: 4 } });
    await enqueue(t, conversationId);
    await worker.mustClaim();
    expect(await worker.hasQueued(conversationId)).toBe(false);
    await enqueue(t, conversationId);
    expect(await worker.hasQueued(conversationId)).toBe(true);
  });

  it("is told to nobody else, and not to a worker that serves nobody yet", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    await enqueue(t, conversationId);
    const stranger = await startWorker(t, { policy: { isolation: "user" } });
    expect(await stranger.hasQueued(conversationId)).toBe(false);
    const others = await bindUser(t, "bob");
    await enqueue(t, others);
    await stranger.mustClaim(others);
    expect(await stranger.hasQueued(conversationId)).toBe(false);
  });
});

describe("a machine", () => {
  useFakeClock();

  it("never runs another isolation key's message, however claims interleave", async () => {
    const t = await startWithAgent();
    const conversations = await twoUsersWithTwoAgents(t);
    const workers = [];
    for (let index = 0; index < 4; index++) {
      workers.push(await startWorker(t, { policy: { isolation: "user", conversationsPerWorker: 2 } }));
    }
    const servedUsers = new Map<string, Set<string>>();
    for (let round = 0; round < 6; round++) {
      const claims = await Promise.all(workers.map(async (worker) => await worker.claim()));
      for (const [index, claimed] of claims.entries()) {
        if (claimed === null) continue;
        const worker = workers[index]!;
        const { conversationId } = claimed;
        const pair = Object.entries(conversations).find(([, id]) => id === conversationId)?.[0] ?? "";
        const users = servedUsers.get(worker.workerId) ?? new Set();
        servedUsers.set(worker.workerId, users.add(pair.split("/")[0] ?? ""));
        await worker.complete(claimed);
        await enqueue(t, conversationId, "more", { agentKey: pair.endsWith("a") ? "a" : "b" });
      }
      passTime(3_000);
      await sweep(t);
    }
    expect(servedUsers.size).toBeGreaterThan(1);
    for (const users of servedUsers.values()) expect(users.size).toBe(1);
    const scopes = await inComponent(t, async (ctx) => (await ctx.db.query("workers").collect()).map((w) => w.scope));
    expect(scopes.filter((scope) => scope !== undefined).every(({ kind }) => kind === "user")).toBe(true);
  });
});

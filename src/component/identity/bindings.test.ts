import { describe, expect, it } from "vitest";
import {
  bindUser,
  configureAgent,
  enqueue,
  expectRefused,
  lib,
  passTime,
  snapshotOfAllTables,
  startComponent,
  startWithAgent,
  useFakeClock,
  type Harness,
} from "../setup.test-kit.js";
import { MAX_AGENTS_PER_USER } from "./bindings.js";

async function bind(t: Harness, consumerUserId: string, agentKey = "a", more = {}) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.bindUserAgent, { consumerUserId, agentKey, ...more }));
}

async function revoke(t: Harness, consumerUserId: string) {
  return await t.action(async (ctx) => await ctx.runMutation(lib.revokeUserAgentBinding, { consumerUserId }));
}

async function binding(t: Harness, consumerUserId: string) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.getUserAgentBinding, { consumerUserId }));
}

async function agentOf(t: Harness, consumerUserId: string) {
  return (await t.action(async (ctx) => await ctx.runQuery(lib.resolveAgentForUser, { consumerUserId }))).agentKey;
}

async function ownerOf(t: Harness, conversationId: string) {
  return await t.action(async (ctx) => await ctx.runQuery(lib.ownerOfConversation, { conversationId }));
}

describe("a binding", () => {
  useFakeClock();

  it("is asked for by names of an ordinary length: an answer repeats none of any other", async () => {
    const t = await startWithAgent();
    const agentKey = "a".repeat(1_000_000);
    for (const call of [
      async () => bind(t, "ada", agentKey),
      async () =>
        t.action(
          async (ctx) => await ctx.runQuery(lib.getConversationViewForUserAgent, { consumerUserId: "ada", agentKey }),
        ),
    ]) {
      expect(await expectRefused(t, "invalid_argument", call)).toBe("agentKey is longer than 256 bytes.");
    }
  });

  it("gives a user an agent and a conversation that tells nothing about them", async () => {
    const t = await startWithAgent();
    const view = await bind(t, "ada@example.org", "a", { metadata: { plan: "pro" }, source: "api" });
    expect(view).toEqual({
      consumerUserId: "ada@example.org",
      agentKey: "a",
      conversationId: expect.stringMatching(/^conversation:/) as string,
      botIdentity: null,
      status: "active",
      source: "api",
      telegramUserId: null,
      telegramChatId: null,
      metadata: { plan: "pro" },
      boundAt: Date.now(),
      revokedAt: null,
    });
    expect(view.conversationId).not.toContain("ada");
    expect(await binding(t, "ada@example.org")).toEqual(view);
    expect(await agentOf(t, "ada@example.org")).toBe("a");
  });

  it("is made once: binding again changes nothing", async () => {
    const t = await startWithAgent();
    const first = await bind(t, "ada");
    const before = await snapshotOfAllTables(t);
    expect(await bind(t, "ada", "a", { metadata: { other: "x" } })).toEqual(first);
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("is made once, also when it is asked for twice at the same moment", async () => {
    const t = await startWithAgent();
    const [one, other] = await Promise.all([bind(t, "ada"), bind(t, "ada")]);
    expect(one.conversationId).toBe(other.conversationId);
  });

  it("gives each pair of user and agent a conversation of its own", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    const conversations = [
      await bindUser(t, "ada"),
      await bindUser(t, "ada", "b"),
      await bindUser(t, "bob"),
      await bindUser(t, "bob", "b"),
    ];
    expect(new Set(conversations).size).toBe(4);
    expect(await ownerOf(t, conversations[1] ?? "")).toEqual({ consumerUserId: "ada", agentKey: "b" });
  });

  it("of the newest agent is the one that counts", async () => {
    const t = await startWithAgent();
    await configureAgent(t, "b");
    await bind(t, "ada", "b");
    passTime(1);
    await bind(t, "ada", "a");
    expect(await agentOf(t, "ada")).toBe("a");
  });

  it("that was revoked is gone for the user, and comes back as it was meant now, with its conversation", async () => {
    const t = await startWithAgent();
    const first = await bind(t, "ada", "a", { telegramUserId: "7", metadata: { plan: "free" } });
    passTime(1_000);
    expect(await revoke(t, "ada")).toEqual({ revoked: 1 });
    expect(await revoke(t, "ada")).toEqual({ revoked: 0 });
    expect(await binding(t, "ada")).toBeNull();
    expect(await agentOf(t, "ada")).toBeNull();
    passTime(1_000);
    expect(await bind(t, "ada")).toEqual({
      ...first,
      telegramUserId: null,
      metadata: null,
      boundAt: Date.now(),
      revokedAt: null,
    });
  });

  it("is not to be had for an agent that does not exist or is disabled", async () => {
    const t = startComponent();
    await expectRefused(t, "agent_not_found", async () => bind(t, "ada"));
    await configureAgent(t, "a", false);
    await expectRefused(t, "agent_disabled", async () => bind(t, "ada"));
  });

  it("refuses what is blank or too large, and names the argument", async () => {
    const t = await startWithAgent();
    for (const [user, more] of [
      [" ", {}],
      ["u".repeat(257), {}],
      ["ada", { botIdentity: "" }],
      ["ada", { telegramUserId: "7".repeat(257) }],
      ["ada", { telegramChatId: "\n" }],
      ["ada", { metadata: { k: "x".repeat(9_000) } }],
    ] as const) {
      await expectRefused(t, "invalid_argument", async () => bind(t, user, "a", more));
    }
  });

  it("is one of at most fifty per user, and one that comes back counts like a new one", async () => {
    const t = await startWithAgent();
    await bind(t, "ada");
    await revoke(t, "ada");
    for (let index = 0; index < MAX_AGENTS_PER_USER; index++) {
      await configureAgent(t, `agent${index}`);
      await bind(t, "ada", `agent${index}`);
    }
    await configureAgent(t, "one too many");
    for (const agentKey of ["a", "one too many"]) {
      const message = await expectRefused(t, "invalid_argument", async () => bind(t, "ada", agentKey));
      expect(message).toMatch(/already has 50 agents.*Revoke one first/);
    }
    expect(await revoke(t, "ada")).toEqual({ revoked: MAX_AGENTS_PER_USER });
    expect(await bind(t, "ada")).toMatchObject({ status: "active" });
  });
});

describe("whose a conversation is", () => {
  useFakeClock();

  it("is said by the binding, also after it was revoked, and by nothing else", async () => {
    const t = await startWithAgent();
    const conversationId = await bindUser(t, "ada");
    await revoke(t, "ada");
    expect(await ownerOf(t, conversationId)).toEqual({ consumerUserId: "ada", agentKey: "a" });
    await enqueue(t, "nobodys");
    expect(await ownerOf(t, "nobodys")).toBeNull();
    expect(await ownerOf(t, "nowhere")).toBeNull();
  });
});

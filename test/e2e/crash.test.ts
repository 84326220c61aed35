/** A worker that dies in mid-turn, and a machine that is gone: nothing is lost, nothing is said twice. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConversation } from "../../dev/demo/conversation.js";
import { drainFleet, listWorkers, waitForWorker } from "../../dev/demo/fleet.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";
import { api } from "../../example/convex/_generated/api.js";

/** Slow enough to be caught in the middle of it. */
const LONG_TEXT = Array.from({ length: 80 }, (_, index) => `word${index}`).join(" ");

let stack: Stack;

beforeAll(async () => {
  stack = await startStack({
    policy: { maxWorkers: 3, leaseDurationMs: 5_000 },
    workerEnvironment: { AGENT_FACTORY_ECHO_DELAY_MS: "60" },
  });
});

afterAll(async () => {
  await stack.close();
});

async function allowWorkers(maxWorkers: number): Promise<void> {
  await stack.operator.mutation(api.agentFactory.setScalingPolicy, { scalingPolicy: { maxWorkers } });
}

describe("a worker killed in mid-turn", () => {
  it("is replaced by another one, and the transcript holds exactly one reply", async () => {
    const conversation = await openConversation(stack.cloudUrl);
    const messageId = await conversation.send(LONG_TEXT);
    const streaming = await conversation.waitFor(({ liveTurn }) => (liveTurn?.text.length ?? 0) > 40);
    expect(streaming.liveTurn?.attempt).toBe(1);
    const scope = `conversation:${conversation.conversationId}`;
    const first = await waitForWorker(stack, ({ isolationKey }) => isolationKey === scope);
    expect(stack.fly.crash(first.machineId ?? "")).toBe(true);

    const answered = await conversation.waitFor(({ contextHistory }) => contextHistory.length >= 2, 90_000);
    expect(answered.contextHistory.map(({ role }) => role)).toEqual(["user", "assistant"]);
    const done = await stack.operator.query(api.agentFactory.listQueueItemsForConversation, {
      conversationId: conversation.conversationId,
    });
    expect(done).toMatchObject([{ _id: messageId, status: "done", attempts: 2 }]);
    const second = (await listWorkers(stack)).find(
      ({ isolationKey, workerId }) => isolationKey === scope && workerId !== first.workerId,
    );
    expect(second?.machineId).not.toBe(first.machineId);
    await waitForWorker(stack, ({ workerId, status }) => workerId === first.workerId && status === "stopped");
    await conversation.close();
  });
});

describe("a conversation that outlives its machine and a crash of the backend", () => {
  it("goes on with its notes", async () => {
    await allowWorkers(3);
    const conversation = await openConversation(stack.cloudUrl);
    await conversation.ask("remember the blue door opens with 4711");
    await drainFleet(stack);
    expect(stack.fly.machines().filter(({ state }) => state !== "destroyed")).toEqual([]);

    await stack.crashBackend();
    await allowWorkers(3);
    const turn = await conversation.ask("what do you remember about the door?");
    expect(turn.reply).toContain("4711");
    expect((await conversation.view()).contextHistory.map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "user",
      "assistant",
    ]);
    await conversation.close();
  });

  it("is answered although the backend crashes while the turn runs", async () => {
    const conversation = await openConversation(stack.cloudUrl);
    await conversation.send(LONG_TEXT);
    await conversation.waitFor(({ liveTurn }) => (liveTurn?.text.length ?? 0) > 40);
    await stack.crashBackend();
    const answered = await conversation.waitFor(({ contextHistory }) => contextHistory.length >= 2, 90_000);
    expect(answered.contextHistory.map(({ role }) => role)).toEqual(["user", "assistant"]);
    await conversation.close();
  });
});

describe("two users", () => {
  it("are served by different machines and see only their own conversation", async () => {
    const [one, two] = [await openConversation(stack.cloudUrl), await openConversation(stack.cloudUrl)];
    await Promise.all([one.ask("remember alpha is mine"), two.ask("remember beta is mine")]);
    const reply = await two.ask("what do you remember about alpha?");
    expect(reply.reply).not.toContain("alpha is mine");
    const scopes = (await listWorkers(stack))
      .filter(({ status }) => status !== "stopped")
      .map(({ isolationKey }) => isolationKey);
    expect(new Set(scopes).size).toBe(scopes.length);
    await expect(
      two.client.query(api.agentFactory.getConversationViewForUserAgent, {
        consumerUserId: one.userId,
        agentKey: "default",
      }),
    ).rejects.toThrow(/another user/);
    await one.close();
    await two.close();
  });
});

/** The whole system with OpenClaw in its machines: a conversation that survives kills, moves and cancellations. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConversation, type Conversation } from "../../dev/demo/conversation.js";
import { drainFleet, listWorkers, waitForWorker } from "../../dev/demo/fleet.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";
import { api } from "../../example/convex/_generated/api.js";
import { WORKER_ENVIRONMENT } from "../../src/shared/worker-environment.js";
import type { WorkerView } from "../../src/shared/views.js";
import { ModelStub } from "../../worker-image/src/testing/model-stub.js";
import { MODEL_KEY, openClawEnvironment } from "./direct.js";
import { LONG_WORDS, modelScript } from "./model.js";
import { findGateway, processesWith } from "./processes.js";

/** A cold machine, a gateway that starts on a busy computer, a turn, and once more all that after a death. */
const PATIENCE_MS = 200_000;
const INSTRUCTIONS = "You are the assistant of the lighthouse.";

let stack: Stack;
let stub: ModelStub;
let conversation: Conversation;

beforeAll(async () => {
  stub = await ModelStub.start(() => {}, modelScript);
  stack = await startStack({
    policy: { maxWorkers: 2, leaseDurationMs: 10_000 },
    workerEnvironment: { [WORKER_ENVIRONMENT.runtime]: "openclaw", ...(await openClawEnvironment(stub)) },
  });
  await stack.operator.action(api.agentFactory.importSecret, { secretRef: "model.key", plaintextValue: MODEL_KEY });
  await stack.operator.mutation(api.agentFactory.configureAgent, {
    agentKey: "default",
    version: "2",
    secretsRef: ["model.key"],
    instructions: INSTRUCTIONS,
    environment: { OPENAI_API_KEY: "model.key" },
    enabled: true,
  });
  conversation = await openConversation(stack.cloudUrl);
});

afterAll(async () => {
  await conversation.close();
  await stack.close();
  await stub.stop();
});

/** The worker that has the conversation now. */
async function currentWorker(): Promise<WorkerView> {
  const scope = `conversation:${conversation.conversationId}`;
  return await waitForWorker(stack, ({ isolationKey, status }) => isolationKey === scope && status === "active");
}

/** Where a machine's data lies on this computer. */
async function dataOf({ machineId }: WorkerView): Promise<string> {
  const members = await processesWith(`FLY_MACHINE_ID=${machineId}\0`);
  const environment = await readFile(`/proc/${members[0]?.pid}/environ`, "utf8");
  const root = environment.split("\0").find((variable) => variable.startsWith(`${WORKER_ENVIRONMENT.guestRoot}=`));
  return join(root?.slice(root.indexOf("=") + 1) ?? "", "data");
}

async function queueItem(messageId: string) {
  const items = await stack.operator.query(api.agentFactory.listQueueItemsForConversation, {
    conversationId: conversation.conversationId,
  });
  return items.find(({ _id }) => _id === messageId);
}

const replies = async () => (await conversation.view()).contextHistory.filter(({ role }) => role === "assistant");

async function untilStreaming(messageId: string): Promise<void> {
  await conversation.waitFor(
    ({ liveTurn }) => liveTurn?.messageId === messageId && liveTurn.text.includes("word3"),
    PATIENCE_MS,
  );
}

async function untilDone(messageId: string) {
  const isOver = async () => !["queued", "processing"].includes((await queueItem(messageId))?.status ?? "");
  await expect.poll(isOver, { timeout: PATIENCE_MS, interval: 250 }).toBe(true);
  return await queueItem(messageId);
}

describe("a conversation with OpenClaw", () => {
  it("uses tools, streams, follows its instructions, and keeps the key of its model out of the machine", async () => {
    const turn = await conversation.ask("remember that the cat is called Minou", PATIENCE_MS);
    expect(turn.reply).toBe("I have written down Minou.");
    const data = await dataOf(await currentWorker());
    const [key] = await readdir(join(data, "conversations"));
    expect(await readFile(join(data, "conversations", key ?? "", "workspace/notes.md"), "utf8")).toBe(
      "the cat: Minou\n",
    );

    const [request] = stub.requests;
    expect(request?.authorization).toBe(`Bearer ${MODEL_KEY}`);
    expect(request?.messages.find(({ role }) => role === "system")?.content).toContain(INSTRUCTIONS);
    expect(await processesWith(MODEL_KEY)).toEqual([]);

    const long = await conversation.ask("speak long", PATIENCE_MS);
    expect(long.reply.trim()).toBe(Array.from({ length: LONG_WORDS }, (_, index) => `word${index}`).join(" "));
    expect(long.streamed.length).toBeGreaterThan(5);
    for (const part of long.streamed) expect(long.reply.startsWith(part)).toBe(true);
  });

  it("is answered once, by another machine that knows all of it, when its machine dies in mid-turn", async () => {
    const before = (await replies()).length;
    const first = await currentWorker();
    const firstData = await dataOf(first);
    const messageId = await conversation.send("speak long");
    await untilStreaming(messageId);
    expect(stack.fly.crash(first.machineId ?? "")).toBe(true);

    expect(await untilDone(messageId)).toMatchObject({ status: "done", attempts: 2 });
    expect(await replies()).toHaveLength(before + 1);
    expect(await processesWith(`OPENCLAW_STATE_DIR=${firstData}`)).toEqual([]);

    const second = await currentWorker();
    expect(second.machineId).not.toBe(first.machineId);
    const turn = await conversation.ask("What is the cat called?", PATIENCE_MS);
    expect(turn.reply).toContain("Minou");
  });

  it("is answered on the same machine when only its gateway dies in mid-turn", async () => {
    const before = (await replies()).length;
    const worker = await currentWorker();
    const messageId = await conversation.send("speak long");
    await untilStreaming(messageId);
    const gateway = await findGateway(await dataOf(worker));
    expect(gateway).toBeDefined();
    process.kill(gateway?.pid ?? 0, "SIGKILL");
    expect(await untilDone(messageId)).toMatchObject({ status: "done", attempts: 2 });
    expect(await replies()).toHaveLength(before + 1);
    expect((await currentWorker()).workerId).toBe(worker.workerId);
  });

  it("stops at once when its message is canceled, and asks the model for nothing more", async () => {
    const abortedBefore = stub.aborted;
    const messageId = await conversation.send("speak long");
    await untilStreaming(messageId);
    expect(await stack.operator.mutation(api.agentFactory.cancelMessage, { messageId })).toMatchObject({
      canceled: true,
    });
    await expect.poll(() => stub.aborted, { timeout: 20_000 }).toBeGreaterThan(abortedBefore);
    expect(await queueItem(messageId)).toMatchObject({ status: "canceled" });
    // What was said before the cancellation is forgotten with its turn; everything else is not.
    const turn = await conversation.ask("What is the cat called?", PATIENCE_MS);
    expect(turn.reply).toContain("Minou");
  });

  it("goes on elsewhere after its machine has been drained and destroyed", async () => {
    const workers = new Set((await listWorkers(stack)).map(({ workerId }) => workerId));
    await drainFleet(stack, PATIENCE_MS);
    expect(stack.fly.machines().filter(({ state }) => state !== "destroyed")).toEqual([]);
    await stack.operator.mutation(api.agentFactory.setScalingPolicy, { scalingPolicy: { maxWorkers: 2 } });
    const turn = await conversation.ask("What is the cat called?", PATIENCE_MS);
    expect(turn.reply).toContain("Minou");
    expect(workers).not.toContain((await currentWorker()).workerId);
  });
});

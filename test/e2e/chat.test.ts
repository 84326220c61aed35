/** The chat runtime through the whole system: a profile with instructions and a key, a tool, another machine, a provider that refuses. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openConversation } from "../../dev/demo/conversation.js";
import { drainFleet } from "../../dev/demo/fleet.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";
import { api } from "../../example/convex/_generated/api.js";
import { lastUserText, ModelStub, toolResults, type ModelScript } from "../../worker-image/src/testing/model-stub.js";

const KEY = "sk-test-0123456789abcdefghij";

const words = (text: string) => text.split(/(?<=\s)/);
const script: ModelScript = (request) => {
  const said = lastUserText(request);
  if (said === "fail") return { refusal: { status: 401, message: `Incorrect API key: ${KEY}` } };
  const [result] = toolResults(request);
  if (result !== undefined) return { text: words(`The tool says: ${result}`) };
  if (said.startsWith("write ")) {
    return { toolCalls: [{ name: "write_file", arguments: { path: "note.txt", content: said.slice(6) } }] };
  }
  if (said === "read") return { toolCalls: [{ name: "run_command", arguments: { command: "cat note.txt; env" } }] };
  return { text: words(`You have said ${request.messages.filter(({ role }) => role === "user").length} things.`) };
};

let stack: Stack;
let model: ModelStub;
let stopModel = async () => {};

beforeAll(async () => {
  model = await ModelStub.start((cleanUp) => (stopModel = cleanUp), script);
  stack = await startStack({
    policy: { maxWorkers: 2 },
    workerEnvironment: {
      AGENT_FACTORY_RUNTIME: "chat",
      AGENT_FACTORY_CHAT_BASE_URL: model.baseUrl,
      AGENT_FACTORY_CHAT_MODEL: "stub-1",
    },
  });
  await stack.operator.action(api.agentFactory.importSecret, { secretRef: "model.key", plaintextValue: KEY });
  await stack.operator.mutation(api.agentFactory.configureAgent, {
    agentKey: "default",
    version: "2",
    instructions: "Be brief.",
    secretsRef: ["model.key"],
    environment: { OPENAI_API_KEY: "model.key" },
    hooks: { beforeTurn: ["date > hook-was-here"] },
    enabled: true,
  });
});

afterAll(async () => {
  await stack.close();
  await stopModel();
});

describe("an agent with a model", () => {
  it("answers by its profile, works in its files, and goes on elsewhere with what it knows", async () => {
    const conversation = await openConversation(stack.cloudUrl);
    expect((await conversation.ask("hello")).reply).toBe("You have said 1 things.");
    expect(model.requests[0]).toMatchObject({ model: "stub-1", authorization: `Bearer ${KEY}` });
    expect(model.requests[0]?.messages[0]?.content).toMatch(/^Be brief\./);
    expect((await conversation.ask("write the sea is salty")).reply).toBe("The tool says: Wrote note.txt.");

    await drainFleet(stack);
    await stack.operator.mutation(api.agentFactory.setScalingPolicy, { scalingPolicy: { maxWorkers: 2 } });
    expect((await conversation.ask("read", 90_000)).reply).toContain("the sea is salty");
    expect((await conversation.ask("how many?")).reply).toBe("You have said 4 things.");

    const seen = JSON.stringify([
      await conversation.view(),
      stack.fly.machines(),
      model.requests.map((r) => r.messages),
    ]);
    expect(seen).not.toContain(KEY);
    await conversation.close();
  });

  it("tells what the provider refuses at once, without another try and without the key", async () => {
    const conversation = await openConversation(stack.cloudUrl);
    await conversation.send("fail");
    const { conversationId } = conversation;
    const items = async () =>
      await stack.operator.query(api.agentFactory.listQueueItemsForConversation, { conversationId });
    await expect.poll(async () => (await items())[0]?.status, { timeout: 90_000, interval: 200 }).toBe("dead_letter");
    const lastError = "The model provider does not accept the key of this agent.";
    expect(await items()).toMatchObject([{ attempts: 1, lastError }]);
    await conversation.close();
  });
});

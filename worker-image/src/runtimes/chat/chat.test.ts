/** The chat runtime against a model provider on loopback: the contract, what it asks, and what that costs. */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { lastUserText, ModelStub, toolResults, type ModelScript } from "../../testing/model-stub.js";
import { makePipe } from "../../testing/named-pipe.js";
import { turnInput } from "../../testing/turn-input.js";
import { describeRuntime } from "../conformance.js";
import { calls, chat, conversation, KEY, oneCall, textOf } from "./testing/conversation.js";

const words = (text: string) => text.split(/(?<=\s)/);

/** Remembers by writing a file, and answers questions from what stands in the request. */
const assistant: ModelScript = (request) => {
  const said = lastUserText(request);
  if (said.startsWith("remember") && toolResults(request).length === 0) {
    const content = said.slice("remember ".length);
    return { toolCalls: [{ name: "write_file", arguments: { path: "notes/memory.md", content } }] };
  }
  if (said.endsWith("?")) {
    const known = request.messages.filter(({ role, content }) => role === "user" && content.startsWith("remember"));
    return { text: words(`You said: ${known.map(({ content }) => content).join("; ")}`) };
  }
  if (said === "talk") return { text: Array.from({ length: 200 }, (_, n) => `word ${n} `), pauseMs: 30 };
  return { text: words(`You say ${said}, and I agree.`) };
};

const contractStub = await ModelStub.start((cleanUp) => afterAll(cleanUp), assistant);

describeRuntime("chat", {
  create: chat(contractStub),
  startTimeoutMs: 2_000,
  turnTimeoutMs: 10_000,
  longMessage: "talk",
  memory: { tell: "remember the color teal", ask: "what did I say?", expected: /the color teal/ },
  environment: { OPENAI_API_KEY: KEY },
});

describe("a request", () => {
  it("carries instructions, model and key of the agent, and what was said before", async () => {
    const { stub, turn } = await conversation(assistant);
    const agent = { ...turnInput({ message: "" }).agent, instructions: "Be kind.", model: "stub-2" };
    await turn({ message: "hello", agent, environment: { OPENAI_API_KEY: KEY } });
    await turn("again");
    const [first, second] = stub.requests;
    expect(first).toMatchObject({ model: "stub-2", authorization: `Bearer ${KEY}`, stream: true });
    expect(first?.messages[0]?.content).toMatch(/^Be kind\.\n/);
    expect(second).toMatchObject({ model: "stub-1", authorization: undefined });
    expect(second?.messages.map(({ role, content }) => [role, content]).slice(1)).toEqual([
      ["user", "hello"],
      ["assistant", "You say hello, and I agree."],
      ["user", "again"],
    ]);
  });

  it("starts from the conversation's own history when there is no transcript on the disk, and heeds later notes", async () => {
    const { stub, turn } = await conversation(assistant);
    const history = [
      { role: "user" as const, content: "remember plums", at: 1 },
      { role: "tool" as const, content: "{}", at: 2 },
      { role: "assistant" as const, content: "Noted.", at: 3 },
    ];
    expect(textOf(await turn({ message: "what did I say?", history }))).toContain("remember plums");
    const later = [...history, { role: "system" as const, content: "2 messages were dropped.", at: 4 }];
    await turn({ message: "hello", history: later });
    expect(stub.requests[1]?.messages.at(-2)).toMatchObject({ role: "system", content: "2 messages were dropped." });
  });

  it("is not held up by what a command has put in the transcript's place", async () => {
    const { say, root } = await conversation(assistant);
    const file = join(root, "state/chat/transcript.jsonl");
    await mkdir(dirname(file), { recursive: true });
    makePipe(file);
    expect(await say("hello")).toBe("You say hello, and I agree.");
    expect(await readFile(file, "utf8")).toContain("hello");
  });

  it("names the skills, to an agent that can read them", async () => {
    const { stub, turn } = await conversation(assistant);
    const skills = [{ name: "invoices", description: "Writes invoices.", directory: "skills/invoices" }];
    await turn({ message: "hello", skills });
    await turn({ message: "hello", skills, agent: { ...turnInput({ message: "" }).agent, tools: ["list_files"] } });
    const [first, second] = stub.requests.map(({ messages }) => messages[0]?.content);
    expect(first).toContain("- invoices (skills/invoices/SKILL.md): Writes invoices.");
    expect(second).not.toContain("invoices");
  });

  it("offers the tools the agent may use, and no other is run", async () => {
    const { stub, turn, file } = await conversation(oneCall("write_file", { path: "x", content: "y" }));
    const agent = { ...turnInput({ message: "" }).agent, tools: ["read_file"] };
    const events = await turn({ message: "go", agent });
    expect(stub.requests[0]?.tools?.map((tool) => tool.function.name)).toEqual(["read_file"]);
    expect(textOf(events)).toContain('no tool "write_file"');
    await expect(readFile(file("x"))).rejects.toThrow("ENOENT");
  });
});

describe("usage", () => {
  it("is the sum of all requests, priced when prices are known, estimated when the provider is silent", async () => {
    const usage = { prompt_tokens: 1_000, completion_tokens: 100 };
    const script: ModelScript = (request) =>
      toolResults(request).length === 0
        ? { ...calls({ name: "list_files", arguments: {} }), usage }
        : { text: ["ok"], usage };
    const { turn } = await conversation(script, {
      AGENT_FACTORY_CHAT_USD_PER_MILLION_INPUT_TOKENS: "2",
      AGENT_FACTORY_CHAT_USD_PER_MILLION_OUTPUT_TOKENS: "10",
    });
    const last = (await turn("go")).findLast((event) => event.type === "usage");
    expect(last).toMatchObject({ usage: { inputTokens: 2_000, outputTokens: 200, costUsd: 0.006 } });

    const silent = await conversation(() => ({ text: ["fine"], usage: null }));
    const estimated = (await silent.turn("go")).findLast((event) => event.type === "usage");
    expect(estimated?.type === "usage" && estimated.usage.inputTokens).toBeGreaterThan(0);
  });
});

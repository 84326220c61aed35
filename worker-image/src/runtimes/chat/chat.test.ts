/** The chat runtime against a model provider on loopback: the contract, its tools, its memory, and providers that fail. */
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { ConfigError } from "../../config.js";
import { createLogger, SecretFilter } from "../../logger.js";
import { lastUserText, ModelStub, toolResults, type ModelReply, type ModelScript } from "../../testing/model-stub.js";
import { temporaryDirectory } from "../../testing/temporary.js";
import { turnInput } from "../../testing/turn-input.js";
import { monotonicMs } from "../../timing.js";
import { describeRuntime } from "../conformance.js";
import { configureRuntime } from "../registry.js";
import type { Runtime, RuntimeEvent, TurnInput } from "../runtime.js";

const KEY = "sk-test-0123456789abcdefghij";
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

const chat = (stub: ModelStub, environment: Record<string, string> = {}) =>
  configureRuntime("chat", {
    AGENT_FACTORY_CHAT_BASE_URL: `${stub.baseUrl}/`,
    AGENT_FACTORY_CHAT_MODEL: "stub-1",
    ...environment,
  });

describeRuntime("chat", {
  create: chat(contractStub),
  startTimeoutMs: 2_000,
  turnTimeoutMs: 10_000,
  longMessage: "talk",
  memory: { tell: "remember the color teal", ask: "what did I say?", expected: /the color teal/ },
  environment: { OPENAI_API_KEY: KEY },
});

type Conversation = {
  stub: ModelStub;
  runtime: Runtime;
  root: string;
  file(name: string): string;
  turn(input: string | (Partial<TurnInput> & { message: string })): Promise<RuntimeEvent[]>;
  say(message: string): Promise<string>;
};

async function conversation(script: ModelScript, environment: Record<string, string> = {}): Promise<Conversation> {
  const stub = await ModelStub.start(onTestFinished, script);
  const root = await temporaryDirectory();
  const [workspaceDirectory, stateDirectory] = [join(root, "workspace"), join(root, "state")];
  const createRuntime = chat(stub, environment);
  const runtime = createRuntime({
    conversationId: "c",
    workspaceDirectory,
    stateDirectory,
    temporaryDirectory: join(root, "temporary"),
    logger: createLogger("silent", new SecretFilter()),
  });
  await runtime.start(turnInput({ message: "" }));
  let turns = 0;
  const turn: Conversation["turn"] = async (input) => {
    const seen: RuntimeEvent[] = [];
    const given = typeof input === "string" ? { message: input } : input;
    for await (const event of runtime.runTurn(turnInput({ turnId: `t${++turns}`, ...given }))) seen.push(event);
    return seen;
  };
  const say = async (message: string) => textOf(await turn(message));
  return { stub, runtime, root, turn, say, file: (name) => join(workspaceDirectory, name) };
}

const textOf = (events: readonly RuntimeEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");
const failureOf = (events: readonly RuntimeEvent[]) => {
  const last = events.at(-1);
  return last?.type === "error" ? last.failure : null;
};
const calls = (...toolCalls: NonNullable<ModelReply["toolCalls"]>): ModelReply => ({ toolCalls });
/** One tool call, whose result the model then repeats word for word. */
const oneCall =
  (name: string, given: unknown): ModelScript =>
  (request) =>
    toolResults(request).length === 0 ? calls({ name, arguments: given }) : { text: toolResults(request) };

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

describe("tools", () => {
  it("write, read, list and run, several in one step, each reported", async () => {
    const script: ModelScript = (request) =>
      toolResults(request).length > 0
        ? { text: [toolResults(request).join("|")] }
        : calls(
            { name: "write_file", arguments: { path: "a/b.txt", content: "one\n" } },
            { name: "write_file", arguments: { path: "a/b.txt", content: "two\n", append: true } },
            { name: "read_file", arguments: { path: "a/b.txt" } },
            { name: "list_files", arguments: { recursive: true } },
            { name: "run_command", arguments: { command: "wc -l < a/b.txt; exit 4" } },
          );
    const { turn } = await conversation(script);
    const events = await turn("go");
    expect(textOf(events)).toBe(
      "Wrote a/b.txt.|Appended to a/b.txt.|one\ntwo\n|a/\na/b.txt (8 bytes)|2\n\n[exit code 4]",
    );
    const states = events.flatMap((event) =>
      event.type === "tool" ? [`${event.call.callId} ${event.call.status}`] : [],
    );
    expect(states.slice(0, 4)).toEqual(["t1/1.1 running", "t1/1.1 done", "t1/1.2 running", "t1/1.2 done"]);
    expect(states).toHaveLength(10);
  });

  const refused: [string, string, unknown, RegExp][] = [
    ["a path out of the workspace", "read_file", { path: "../state/secret" }, /outside of the workspace/],
    ["an absolute path", "write_file", { path: "/etc/agent-factory", content: "x" }, /outside of the workspace/],
    ["a link out of it", "read_file", { path: "out/secret" }, /outside of the workspace/],
    ["a new file behind such a link", "write_file", { path: "out/new", content: "x" }, /outside of the workspace/],
    ["a missing file", "read_file", { path: "missing.txt" }, /ENOENT.*'missing\.txt'/],
    ["a folder as a file", "read_file", { path: "." }, /not a file/],
    ["a binary file", "read_file", { path: "binary" }, /not a text file/],
    ["arguments that do not fit", "write_file", { path: 5 }, /do not fit/],
    ["arguments that are no JSON", "write_file", '{"path":', /do not fit/],
    ["an unknown tool", "fly", {}, /no tool "fly"/],
  ];
  for (const [what, name, given, message] of refused) {
    it(`refuse ${what}, and tell the model`, async () => {
      const { turn, root, file } = await conversation(oneCall(name, given));
      await mkdir(join(root, "state"), { recursive: true });
      await writeFile(join(root, "state/secret"), "hidden");
      await symlink(join(root, "state"), file("out"));
      await writeFile(file("binary"), Buffer.from([0, 1, 2]));
      const events = await turn("go");
      expect(textOf(events)).toMatch(message);
      expect(textOf(events)).not.toContain(root);
      expect(events.flatMap((event) => (event.type === "tool" ? [event.call.status] : []))).toEqual([
        "running",
        "failed",
      ]);
      expect(events.at(-1)).toEqual({ type: "done" });
    });
  }

  it("see the agent's variables, but not the model's key, and print neither", async () => {
    const { turn, stub, root } = await conversation(
      oneCall("run_command", { command: "echo $SHOP_TOKEN-$OPENAI_API_KEY-" }),
    );
    const events = await turn({ message: "go", environment: { SHOP_TOKEN: "shop-secret-1234", OPENAI_API_KEY: KEY } });
    expect(textOf(events)).toBe("[SHOP_TOKEN redacted]--\n\n[exit code 0]");
    expect(JSON.stringify(stub.requests.map(({ messages }) => messages))).not.toContain("shop-secret");
    expect(await readFile(join(root, "state/chat/transcript.jsonl"), "utf8")).not.toContain("shop-secret");
  });

  it("are stopped with the turn, which leaves no trace in the transcript", async () => {
    const { turn, runtime, root } = await conversation(oneCall("run_command", { command: "sleep 60" }));
    const before = monotonicMs();
    setTimeout(() => void runtime.abort("t1"), 200);
    const events = await turn("go");
    expect(failureOf(events)).toMatchObject({ kind: "aborted" });
    expect(monotonicMs() - before).toBeLessThan(10_000);
    await expect(readFile(join(root, "state/chat/transcript.jsonl"))).rejects.toThrow("ENOENT");
  });
});

describe("limits", () => {
  it("end a turn that goes round in circles, and say so", async () => {
    const { turn, stub } = await conversation(() => calls({ name: "list_files", arguments: {} }), {
      AGENT_FACTORY_CHAT_MAX_STEPS: "3",
    });
    expect(failureOf(await turn("go"))).toMatchObject({ kind: "budget_exceeded", message: /within 3 steps/ });
    expect(stub.requests).toHaveLength(3);
  });

  it("end an answer that is longer than a reply may be, and what it costs", async () => {
    const { turn, stub } = await conversation(() => ({
      text: Array.from({ length: 60 }, () => "x".repeat(4_000)),
      pauseMs: 1,
    }));
    const events = await turn("go");
    expect(events.at(-1)).toEqual({ type: "done" });
    expect(textOf(events).length).toBeLessThan(140_000);
    await expect.poll(() => stub.aborted, { timeout: 10_000 }).toBe(1);
    const usage = events.findLast((event) => event.type === "usage");
    expect(usage?.type === "usage" && usage.usage.outputTokens).toBeGreaterThan(10_000);
  });

  it("leave the oldest turns out when the chat grows, never half a tool call", async () => {
    const script: ModelScript = (request) =>
      toolResults(request).length === 0
        ? calls({ name: "write_file", arguments: { path: "a", content: "a".repeat(1_500) } })
        : { text: ["done"] };
    const { say, stub } = await conversation(script, {
      AGENT_FACTORY_CHAT_CONTEXT_TOKENS: "4000",
      AGENT_FACTORY_CHAT_MAX_OUTPUT_TOKENS: "500",
    });
    for (let turn = 1; turn <= 8; turn++) expect(await say(`turn ${turn}`)).toBe("done");
    const last = stub.requests.at(-1)?.messages ?? [];
    const users = last.filter(({ role }) => role === "user").map(({ content }) => content);
    expect(users.at(-1)).toBe("turn 8");
    expect(users).not.toContain("turn 1");
    for (const { messages } of stub.requests) {
      const asked = messages.flatMap(({ tool_calls }) => tool_calls?.map(({ id }) => id) ?? []);
      const answered = messages.flatMap(({ tool_call_id }) => tool_call_id ?? []);
      expect(answered.sort()).toEqual(asked.sort());
    }
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

describe("a provider that fails", () => {
  const refusals: [string, NonNullable<ModelReply["refusal"]>, object, number][] = [
    ["a wrong key", { status: 401, message: `Incorrect key: ${KEY}` }, { kind: "unauthorized" }, 1],
    ["a key without the right", { status: 403, message: "no" }, { kind: "forbidden" }, 1],
    [
      "an unknown model",
      { status: 404, message: "no model stub-1" },
      { kind: "config_error", message: /no model stub-1/ },
      1,
    ],
    ["a bad request", { status: 400, message: "bad" }, { kind: "invalid_input", message: /It says: bad/ }, 1],
    ["an empty account", { status: 429, message: "x", code: "insufficient_quota" }, { kind: "budget_exceeded" }, 1],
    [
      "a long pause",
      { status: 429, message: "x", retryAfter: "60" },
      { kind: "rate_limited", retryAfterMs: 60_000 },
      1,
    ],
    ["a full context, twice", { status: 400, message: "maximum context length is 5" }, { kind: "context_overflow" }, 2],
    [
      "an overload that stays",
      { status: 503, message: "x", retryAfter: "0" },
      { kind: "overloaded", retryAfterMs: 0 },
      3,
    ],
  ];
  for (const [what, refusal, failure, requests] of refusals) {
    it(`with ${what} is told as what it is, without the key`, async () => {
      const { turn, stub } = await conversation(() => ({ refusal }));
      const events = await turn({ message: "go", environment: { OPENAI_API_KEY: KEY } });
      expect(failureOf(events)).toMatchObject(failure);
      expect(JSON.stringify(events)).not.toContain(KEY);
      expect(stub.requests).toHaveLength(requests);
    });
  }

  it("for a moment is asked again", async () => {
    const script: ModelScript = (_, index) =>
      index === 0 ? { refusal: { status: 500, message: "x" } } : index === 1 ? { fault: "cut" } : { text: ["fine"] };
    const { say, stub } = await conversation(script);
    expect(await say("go")).toBe("fine");
    expect(stub.requests).toHaveLength(3);
  });

  it("in mid-answer fails the turn: what has been said cannot be taken back", async () => {
    const { turn, stub } = await conversation(() => ({ text: ["half "], fault: "cut" }));
    const events = await turn("go");
    expect(failureOf(events)).toMatchObject({ kind: "unreachable" });
    expect(textOf(events)).toBe("half ");
    expect(stub.requests).toHaveLength(1);
  });

  it("by saying nothing at all does not keep the turn from being aborted", async () => {
    const { turn, runtime } = await conversation(() => ({ fault: "silent" }));
    setTimeout(() => void runtime.abort("t1"), 100);
    expect(failureOf(await turn("go"))).toMatchObject({ kind: "aborted" });
  });

  it("with an empty answer or a refusal of its own says so", async () => {
    const empty = await conversation(() => ({ text: [] }));
    expect(failureOf(await empty.turn("go"))).toMatchObject({ message: "The model gave no answer." });
    const filtered = await conversation(() => ({ text: [], finishReason: "content_filter" }));
    expect(failureOf(await filtered.turn("go"))).toMatchObject({ kind: "invalid_input" });
  });

  it("does not exist at all", async () => {
    const { turn, stub } = await conversation(() => ({ text: ["x"] }));
    await stub.stop();
    expect(failureOf(await turn("go"))).toMatchObject({ kind: "unreachable", message: /ECONNREFUSED/ });
  });
});

describe("settings", () => {
  const wrong: [string, Record<string, string>, RegExp][] = [
    ["an address that is none", { AGENT_FACTORY_CHAT_BASE_URL: "models" }, /must be a URL/],
    ["an address with a password", { AGENT_FACTORY_CHAT_BASE_URL: "https://a:b@c.example/v1" }, /neither a user name/],
    ["a variable's name that is none", { AGENT_FACTORY_CHAT_KEY_VARIABLE: "my key" }, /name of a variable/],
    [
      "more output than context",
      { AGENT_FACTORY_CHAT_CONTEXT_TOKENS: "2000", AGENT_FACTORY_CHAT_MAX_OUTPUT_TOKENS: "1500" },
      /at most half/,
    ],
    ["one price of two", { AGENT_FACTORY_CHAT_USD_PER_MILLION_INPUT_TOKENS: "2" }, /Set both/],
    ["a price that is none", { AGENT_FACTORY_CHAT_USD_PER_MILLION_INPUT_TOKENS: "cheap" }, /amount in USD/],
  ];
  for (const [what, environment, message] of wrong) {
    it(`refuse ${what}`, () => {
      expect(() => configureRuntime("chat", environment)).toThrow(ConfigError);
      expect(() => configureRuntime("chat", environment)).toThrow(message);
    });
  }

  it("without a model fail the turn with what to do about it", async () => {
    const { turn } = await conversation(assistant, { AGENT_FACTORY_CHAT_MODEL: "" });
    expect(failureOf(await turn("go"))).toMatchObject({
      kind: "config_error",
      message: /Set AGENT_FACTORY_CHAT_MODEL/,
    });
  });
});

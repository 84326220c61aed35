/** Model providers that refuse, break off, or are peculiar. */
import { describe, expect, it } from "vitest";
import { toolResults, type ModelReply, type ModelScript } from "../../testing/model-stub.js";
import { calls, conversation, failureOf, KEY, textOf } from "./testing/conversation.js";

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

  it("for want of another name for the limit of an answer is asked again with that, once for all", async () => {
    const message = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.";
    const script: ModelScript = (request) =>
      "max_tokens" in request ? { refusal: { status: 400, message } } : { text: ["fine"] };
    const { say, stub } = await conversation(script);
    expect([await say("one"), await say("two")]).toEqual(["fine", "fine"]);
    expect(stub.requests.map(({ max_tokens, max_completion_tokens }) => [max_tokens, max_completion_tokens])).toEqual([
      [8_192, undefined],
      [undefined, 8_192],
      [undefined, 8_192],
    ]);
    const stubborn = await conversation(() => ({ refusal: { status: 400, message } }));
    expect(failureOf(await stubborn.turn("one"))).toMatchObject({ kind: "invalid_input" });
    expect(stubborn.stub.requests).toHaveLength(2);
  });

  it("to take back what a model wrote is never given reason to", async () => {
    const script: ModelScript = (request) =>
      toolResults(request).length > 0
        ? { text: ["", toolResults(request).join("|")] }
        : calls({ name: "read file!", arguments: "[1]" }, { name: "read_file", arguments: '{"path":"a' });
    const { turn, say, stub } = await conversation(script);
    expect(textOf(await turn("go"))).toMatch(/no tool "read file!".*\|The arguments do not fit: they are no JSON/);
    await say("again");
    for (const { messages } of stub.requests.slice(1)) {
      for (const { function: called } of messages.flatMap(({ tool_calls }) => tool_calls ?? [])) {
        expect(called.name).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
        expect(JSON.parse(called.arguments)).toEqual({});
      }
    }
  });

  it("that says nothing at the end leaves no empty message behind", async () => {
    const script: ModelScript = (_, index) =>
      index === 0 ? { text: ["I look."], toolCalls: [{ name: "list_files", arguments: {} }] } : { text: [] };
    const { turn, stub } = await conversation(script);
    expect(textOf(await turn("go"))).toBe("I look.");
    await turn("and now?");
    expect(stub.requests.at(-1)?.messages.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "tool",
      "user",
    ]);
  });

  it("is shown a key without the line's end that came with it from a file", async () => {
    const { turn, stub } = await conversation(() => ({ text: ["fine"] }));
    await turn({ message: "go", environment: { OPENAI_API_KEY: `${KEY}\n` } });
    await turn({ message: "go", environment: { OPENAI_API_KEY: "\n" } });
    expect(stub.requests.map(({ authorization }) => authorization)).toEqual([`Bearer ${KEY}`, undefined]);
  });

  it("does not exist at all", async () => {
    const { turn, stub } = await conversation(() => ({ text: ["x"] }));
    await stub.stop();
    expect(failureOf(await turn("go"))).toMatchObject({ kind: "unreachable", message: /ECONNREFUSED/ });
  });
});

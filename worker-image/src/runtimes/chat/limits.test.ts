/** What bounds a turn of the chat runtime: its steps, its answer, its context. */
import { describe, expect, it } from "vitest";
import { toolResults, type ModelScript } from "../../testing/model-stub.js";
import { calls, conversation, failureOf, textOf } from "./testing/conversation.js";

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

  it("of the model's own are told to whoever reads a cut answer", async () => {
    const { say, stub } = await conversation(() => ({ text: ["Once upon a"], finishReason: "length" }));
    expect(await say("go")).toBe(
      "Once upon a\n\n[The answer was cut off here: an answer of the model has at most 8192 tokens.]",
    );
    await say("go on");
    expect(stub.requests[1]?.messages[2]?.content).toBe("Once upon a");
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

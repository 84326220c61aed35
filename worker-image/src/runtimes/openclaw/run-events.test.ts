/** What the gateway tells about a run, as events of a turn. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { RuntimeEvent } from "../runtime.js";
import { RunEvents } from "./run-events.js";

const agent = (stream: string, data: object, runId = "run") => ({ runId, stream, data, sessionKey: "s", seq: 1 });
const textOf = (events: readonly RuntimeEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");
const answer = (...texts: string[]) => ({ status: "ok", result: { payloads: texts.map((text) => ({ text })) } });

describe("events of a run", () => {
  it("become text, whichever of them get lost", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 6 }), { maxLength: 4 }),
        fc.infiniteStream(fc.boolean()),
        (messages, losses) => {
          const events = new RunEvents("run");
          const seen: RuntimeEvent[] = [];
          const wholes = messages.map((pieces) => pieces.join(""));
          for (const [message, pieces] of messages.entries()) {
            let text = "";
            for (const [index, delta] of pieces.entries()) {
              text += delta;
              // The last of each message but the last one comes through; everything else may be lost.
              const isNeeded = index === pieces.length - 1 && message < messages.length - 1;
              if (!isNeeded && losses.next().value) continue;
              seen.push(...events.take("agent", agent("assistant", { text, delta, itemId: `item:${message}` })));
            }
          }
          seen.push(...events.rest(answer(...wholes)));
          expect(textOf(seen)).toBe(wholes.join("\n\n"));
          expect(events.wasCorrected).toBe(false);
        },
      ),
    );
  });

  it("end with the rest of the last message when the answer holds no other", () => {
    const events = new RunEvents("run");
    const seen = [
      ...events.take("agent", agent("assistant", { text: "Let me look.", itemId: "a" })),
      ...events.take("agent", agent("assistant", { text: "It is", itemId: "b" })),
      ...events.rest(answer("It is blue.")),
    ];
    expect(textOf(seen)).toBe("Let me look.\n\nIt is blue.");
  });

  it("cannot take back what has been said, and say so", () => {
    const events = new RunEvents("run");
    const seen = [
      ...events.take("agent", agent("assistant", { text: "It is red", itemId: "a" })),
      ...events.take("agent", agent("assistant", { text: "It is", itemId: "a" })),
    ];
    expect(events.wasCorrected).toBe(false);
    seen.push(...events.take("agent", agent("assistant", { text: "It was blue", itemId: "a" })));
    expect(textOf(seen)).toBe("It is red");
    expect(events.wasCorrected).toBe(true);
    expect(textOf(new RunEvents("run").rest(answer("never streamed", "at all")))).toBe("never streamed\n\nat all");
  });

  it("tell of tools, each of which is over in the end", () => {
    const events = new RunEvents("run");
    const tool = (phase: string, toolCallId: string, more: object = {}) =>
      events.take("agent", agent("tool", { phase, name: "exec", toolCallId, args: { command: "ls" }, ...more }));
    const call = { toolName: "exec", callId: "1" };
    expect(tool("start", "1")).toEqual([{ type: "tool", call: { ...call, status: "running" } }]);
    expect(tool("update", "1")).toEqual([]);
    expect(tool("result", "1", { isError: true })).toEqual([{ type: "tool", call: { ...call, status: "failed" } }]);
    tool("start", "2");
    expect(tool("result", "2", { isError: false })).toMatchObject([{ call: { status: "done" } }]);
    tool("start", "3");
    expect(events.closeTools("failed")).toEqual([
      { type: "tool", call: { toolName: "exec", callId: "3", status: "failed" } },
    ]);
    expect(events.closeTools("failed")).toEqual([]);
  });

  it("of other runs, other kinds or an unknown form are nobody's", () => {
    const events = new RunEvents("run");
    expect(events.take("agent", agent("assistant", { text: "x" }, "another"))).toEqual([]);
    expect(events.take("chat", agent("assistant", { text: "x" }))).toEqual([]);
    expect(events.take("agent", agent("item", { text: "x" }))).toEqual([]);
    for (const payload of [null, 1, "x", {}, agent("assistant", { text: 1 }), agent("tool", {})]) {
      expect(events.take("agent", payload)).toEqual([]);
    }
  });

  it("say what tokens and money a run has used", () => {
    const usage = { input: 100, output: 20, cacheRead: 30, cacheWrite: 4, cost: { total: 0.25 } };
    const ofRun = (given: { input: number; output: number; cost?: { total: number } } | null) =>
      new RunEvents("run").rest({ status: "ok", result: { meta: { agentMeta: { usage: given } } } });
    expect(ofRun(usage)).toEqual([{ type: "usage", usage: { inputTokens: 134, outputTokens: 20, costUsd: 0.25 } }]);
    expect(ofRun({ input: 1, output: 2 })).toEqual([{ type: "usage", usage: { inputTokens: 1, outputTokens: 2 } }]);
    expect(ofRun(null)).toEqual([]);
  });

  it("remember why the model failed last", () => {
    const events = new RunEvents("run");
    const lifecycle = (data: object) => events.take("agent", agent("lifecycle", data));
    expect(events.failoverReason).toBeNull();
    lifecycle({ phase: "finishing", errorObservation: { failoverReason: "rate_limit" } });
    lifecycle({ phase: "model", provider: null });
    expect(events.failoverReason).toBe("rate_limit");
    lifecycle({ phase: "error", errorObservation: { failoverReason: "context_overflow" } });
    expect(events.failoverReason).toBe("context_overflow");
  });
});

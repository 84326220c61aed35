/** Translates what the gateway tells about one run into the events of a turn. Pure, but for what it has seen so far. */
import type { ToolCall, Usage } from "../../../../src/shared/payload.js";
import type { RuntimeEvent } from "../runtime.js";
import { vAssistantData, vLifecycleData, vRunEvent, vToolData, type AgentAnswer } from "./protocol.js";

/** What OpenClaw says in place of the model when it ends a run that goes in circles; its answer has no other mark of it. */
const LOOP_NOTICE = "OpenClaw stopped this run because tool-loop recovery";

/** Between two messages of one answer, e.g. before and after a tool. */
const PARAGRAPH = "\n\n";

export class RunEvents {
  /** Everything passed on as text. */
  private said = "";
  /** Where in `said` the message that is being spoken begins, and which one it is. */
  private message: { itemId: string; begin: number } | null = null;
  private readonly openTools = new Map<string, ToolCall>();
  /** OpenClaw's own word for what went wrong with the model last; `null` when nothing has. */
  failoverReason: string | null = null;
  /** The gateway took back words that were passed on already; they cannot be taken back here. */
  wasCorrected = false;

  constructor(private readonly runId: string) {}

  /** What an event of the connection means for the turn; nothing when it is about something else. */
  take(event: string, payload: unknown): RuntimeEvent[] {
    if (event !== "agent") return [];
    const parsed = vRunEvent.safeParse(payload);
    if (!parsed.success || parsed.data.runId !== this.runId) return [];
    const { stream, data } = parsed.data;
    switch (stream) {
      case "assistant":
        return this.assistant(data);
      case "tool":
        return this.tool(data);
      case "lifecycle":
        this.lifecycle(data);
        return [];
      default:
        return [];
    }
  }

  /** The run was ended because it went in circles. */
  get wentInCircles(): boolean {
    return this.said.slice(this.message?.begin ?? 0).startsWith(LOOP_NOTICE);
  }

  /** What is still to be said at the end of a run that went well. */
  rest({ result }: AgentAnswer): RuntimeEvent[] {
    const texts = (result?.payloads ?? []).flatMap(({ text, isError }) =>
      text != null && text !== "" && isError !== true ? [text] : [],
    );
    const whole = texts.join(PARAGRAPH);
    const events = this.closeTools("done");
    // When there were several messages, the answer may hold all of them or the last one only.
    const spoken = [this.said, this.said.slice(this.message?.begin ?? 0)].find((text) => whole.startsWith(text));
    if (spoken !== undefined) events.push(...this.say(whole.slice(spoken.length)));
    else if (!this.said.endsWith(whole)) this.wasCorrected = true;
    const usage = usageOf({ result });
    if (usage !== null) events.push({ type: "usage", usage });
    return events;
  }

  /** Nothing of a turn that has ended is running any more. */
  closeTools(status: "done" | "failed"): RuntimeEvent[] {
    const events = [...this.openTools.values()].map((call): RuntimeEvent => ({
      type: "tool",
      call: { ...call, status },
    }));
    this.openTools.clear();
    return events;
  }

  /**
   * Each event repeats its message from the beginning, so that one that got lost on a broken connection costs nothing. Only
   * what is new is passed on.
   */
  private assistant(data: unknown): RuntimeEvent[] {
    const parsed = vAssistantData.safeParse(data);
    if (!parsed.success) return [];
    const { text, itemId = "" } = parsed.data;
    if (text === "") return [];
    if (this.message === null || this.message.itemId !== itemId) {
      const pause = this.said === "" ? "" : PARAGRAPH;
      this.message = { itemId, begin: this.said.length + pause.length };
      return this.say(pause + text);
    }
    const spoken = this.said.slice(this.message.begin);
    if (text.startsWith(spoken)) return this.say(text.slice(spoken.length));
    if (!spoken.startsWith(text)) this.wasCorrected = true;
    return [];
  }

  private tool(data: unknown): RuntimeEvent[] {
    const parsed = vToolData.safeParse(data);
    if (!parsed.success) return [];
    const { phase, name, toolCallId, isError } = parsed.data;
    const call = { toolName: name, callId: toolCallId };
    if (phase === "start") {
      this.openTools.set(toolCallId, { ...call, status: "running" });
      return [{ type: "tool", call: { ...call, status: "running" } }];
    }
    if (phase !== "result") return [];
    this.openTools.delete(toolCallId);
    return [{ type: "tool", call: { ...call, status: isError === true ? "failed" : "done" } }];
  }

  private lifecycle(data: unknown): void {
    const parsed = vLifecycleData.safeParse(data);
    if (!parsed.success) return;
    this.failoverReason = parsed.data.errorObservation?.failoverReason ?? this.failoverReason;
  }

  private say(text: string): RuntimeEvent[] {
    if (text === "") return [];
    this.said += text;
    return [{ type: "text", text }];
  }
}

function usageOf({ result }: Pick<AgentAnswer, "result">): Usage | null {
  const usage = result?.meta?.agentMeta?.usage;
  if (usage == null) return null;
  const { input = 0, output = 0, cacheRead = 0, cacheWrite = 0 } = usage;
  const costUsd = usage.cost?.total;
  return {
    inputTokens: input + cacheRead + cacheWrite,
    outputTokens: output,
    ...(costUsd !== undefined && { costUsd }),
  };
}

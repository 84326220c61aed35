/** Turns against a scripted gateway: lost connections, lost answers, aborts that nobody hears. */
import { describe, expect, it, onTestFinished } from "vitest";
import { createLogger, SecretFilter } from "../../logger.js";
import { turnInput } from "../../testing/turn-input.js";
import { monotonicMs } from "../../timing.js";
import { ModelFailed } from "../chat/model-failure.js";
import type { RuntimeEvent } from "../runtime.js";
import { CallRefused, ConnectionLost, GatewayConnection } from "./connection.js";
import { CRASHED } from "./failure.js";
import { Run, systemPrompt, type RunGateway, type RunRequest } from "./run.js";
import { ScriptedGateway, type Call, type Peer } from "./testing/scripted-gateway.js";

const TURN = "message.7";
const accepted = { runId: TURN, status: "accepted" };
const done = (text: string) => ({ runId: TURN, status: "ok", result: { payloads: [{ text }] } });
const says = (text: string) => ({ runId: TURN, stream: "assistant", data: { text, itemId: "a" } });

async function setting(
  script: (call: Call, peer: Peer) => void,
  prepare: () => Promise<RunRequest> = async () => ({ message: "hello", attachments: [] }),
) {
  const scripted = await ScriptedGateway.start((stop) => onTestFinished(stop), script);
  let connection: GatewayConnection | null = null;
  const state = { isGone: false, kills: 0, refused: null as ModelFailed | null };
  const gateway: RunGateway = {
    connection: async () => {
      if (connection?.isOpen === true) return connection;
      if (state.isGone) throw new ConnectionLost("OpenClaw is not running.");
      connection = await GatewayConnection.open(scripted.address, (event, payload) => run.onEvent(event, payload));
      return connection;
    },
    kill: () => {
      state.kills++;
    },
    crash: async () => CRASHED,
    gate: state,
  };
  onTestFinished(() => connection?.close());
  const logger = createLogger("silent", new SecretFilter());
  const agent = { ...turnInput({ message: "" }).agent, instructions: "Be brief." };
  const run = new Run(turnInput({ turnId: TURN, message: "hello", agent }), gateway, 60, logger, prepare);
  const events: RuntimeEvent[] = [];
  const over = (async () => {
    for await (const event of run.run()) events.push(event);
    return events;
  })();
  return { scripted, run, over, events, state };
}

const textOf = (events: readonly RuntimeEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

describe("a run", () => {
  it("is asked for once, with its key, and ends with its answer", async () => {
    const { scripted, over } = await setting((call, peer) => {
      peer.answer(call, accepted);
      peer.event("agent", says("It is"));
      peer.raw("{ nonsense");
      peer.raw('{"type":"unheard of"}');
      peer.event("agent", { ...says("Not mine"), runId: "another" });
      peer.answer(call, done("It is done."));
    });
    const events = await over;
    expect(textOf(events)).toBe("It is done.");
    expect(events.at(-1)).toEqual({ type: "done" });
    expect(scripted.callsOf("agent").map(({ params }) => params)).toEqual([
      {
        message: "hello",
        sessionKey: "agent:main:conversation",
        idempotencyKey: TURN,
        deliver: false,
        extraSystemPrompt: "Be brief.",
      },
    ]);
  });

  it("brings its pictures along", async () => {
    const attachments = [{ type: "image" as const, mimeType: "image/png", fileName: "a.png", content: "iVBORw0K" }];
    const { scripted, over } = await setting(
      (call, peer) => peer.answer(call, done("A cat.")),
      async () => ({ message: "look", attachments }),
    );
    expect((await over).at(-1)).toEqual({ type: "done" });
    expect(scripted.callsOf("agent")[0]?.params).toMatchObject({ message: "look", attachments });
  });

  it("asks nothing when it is aborted, or its disk fails, before it has been asked", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    const { scripted, run, over } = await setting(
      () => {},
      async () => {
        await held;
        return { message: "hello", attachments: [] };
      },
    );
    const aborting = run.abort();
    release();
    expect(await over).toMatchObject([{ type: "error", failure: { kind: "aborted" } }]);
    await aborting;
    expect(scripted.callsOf("agent")).toEqual([]);

    const full = await setting(
      () => {},
      () => Promise.reject(Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC" })),
    );
    expect(await full.over).toMatchObject([{ type: "error", failure: { kind: "disk_full" } }]);
    const broken = await setting(
      () => {},
      () => Promise.reject(new Error("secret details")),
    );
    const [failed] = await broken.over;
    expect(failed).toMatchObject({ type: "error", failure: { kind: "runtime_crashed" } });
    expect(JSON.stringify(failed)).not.toContain("secret details");
  });

  it("goes on where it was when the connection breaks, without a word lost or said twice", async () => {
    const waits: Call[] = [];
    const { scripted, over } = await setting((call, peer) => {
      const asked = scripted.callsOf("agent").length;
      if (call.method === "agent.wait") {
        waits.push(call);
        // Still running at the first look.
        peer.answer(call, waits.length === 1 ? { status: "timeout" } : { status: "ok", endedAt: 5 });
        return;
      }
      if (asked === 1) {
        peer.answer(call, accepted);
        peer.event("agent", says("one two"));
        setTimeout(() => peer.cut(), 50);
      } else if (asked === 2) {
        peer.answer(call, { runId: TURN, status: "in_flight" });
        peer.event("agent", says("one two three four"));
      } else peer.answer(call, done("one two three four five"));
    });
    const events = await over;
    expect(textOf(events)).toBe("one two three four five");
    expect(events.at(-1)).toEqual({ type: "done" });
    expect(waits).toHaveLength(2);
    expect(scripted.connections).toBe(2);
  });

  it("gives up on a connection that keeps breaking", async () => {
    const { scripted, over } = await setting((_, peer) => peer.cut());
    expect((await over).at(-1)).toEqual({ type: "error", failure: CRASHED });
    expect(scripted.connections).toBe(5);
  });

  it("fails with the gateway", async () => {
    const { over, state } = await setting((call, peer) => {
      peer.answer(call, accepted);
      peer.event("agent", { runId: TURN, stream: "tool", data: { phase: "start", name: "exec", toolCallId: "1" } });
      state.isGone = true;
      setTimeout(() => peer.cut(), 20);
    });
    expect(await over).toEqual([
      { type: "tool", call: { toolName: "exec", callId: "1", status: "running" } },
      { type: "tool", call: { toolName: "exec", callId: "1", status: "failed" } },
      { type: "error", failure: CRASHED },
    ]);
  });

  it("that OpenClaw cannot finish fails with the kind that the model's provider or OpenClaw itself gives", async () => {
    const fail = (reason: string) => (call: Call, peer: Peer) => {
      const data = { phase: "error", errorObservation: { failoverReason: reason } };
      peer.event("agent", { runId: TURN, stream: "lifecycle", data });
      peer.refuse(call, "Incorrect API key sk-abc", { runId: TURN, status: "error" });
    };
    const kinds: [reason: string, kind: string][] = [
      ["context_overflow", "context_overflow"],
      ["billing", "budget_exceeded"],
      ["never heard of", "unknown"],
    ];
    for (const [reason, kind] of kinds) {
      const { over } = await setting(fail(reason));
      const last = (await over).at(-1);
      expect(last).toMatchObject({ type: "error", failure: { kind } });
      expect(JSON.stringify(last)).not.toContain("sk-abc");
    }
    const { over, state } = await setting(fail("unknown"));
    state.refused = new ModelFailed("rate_limited", "Please wait.", 7_000);
    expect((await over).at(-1)).toEqual({
      type: "error",
      failure: { kind: "rate_limited", message: "Please wait.", retryAfterMs: 7_000 },
    });
  });

  it("that goes in circles is not worth another try", async () => {
    const notice = "OpenClaw stopped this run because tool-loop recovery encountered another critical loop.";
    const ending = (itemId: string) => (call: Call, peer: Peer) => {
      peer.event("agent", says("I shall look."));
      peer.event("agent", { runId: TURN, stream: "assistant", data: { text: notice, itemId } });
      peer.answer(call, { runId: TURN, status: "error" });
    };
    const { over } = await setting(ending("b"));
    expect((await over).at(-1)).toMatchObject({ type: "error", failure: { kind: "budget_exceeded" } });
    // Only as a message of its own: an agent may talk about it.
    const { over: other } = await setting((call, peer) => {
      peer.event("agent", says(`I have read: ${notice}`));
      peer.answer(call, { runId: TURN, status: "error" });
    });
    expect((await other).at(-1)).toMatchObject({ type: "error", failure: { kind: "unknown" } });
  });

  it("that OpenClaw itself has stopped took too long", async () => {
    const { over } = await setting((call, peer) => peer.answer(call, { runId: TURN, status: "timeout" }));
    expect((await over).at(-1)).toMatchObject({ type: "error", failure: { kind: "timeout" } });
  });
});

describe("an abort", () => {
  it("is asked for until the gateway knows the run", async () => {
    let running: Call | null = null;
    const { scripted, run, over } = await setting((call, peer) => {
      if (call.method === "agent") {
        running = call;
        peer.answer(call, accepted);
        return;
      }
      peer.answer(call, { ok: true, aborted: scripted.callsOf("chat.abort").length > 1 });
      if (scripted.callsOf("chat.abort").length > 1 && running !== null) {
        peer.answer(running, { runId: TURN, status: "timeout", stopReason: "rpc" });
      }
    });
    await expect.poll(() => scripted.callsOf("agent").length, { timeout: 10_000 }).toBe(1);
    await run.abort();
    expect((await over).at(-1)).toMatchObject({ type: "error", failure: { kind: "aborted" } });
    expect(scripted.callsOf("chat.abort")[0]?.params).toEqual({ sessionKey: "agent:main:conversation", runId: TURN });
    const asked = scripted.callsOf("chat.abort").length;
    await run.abort();
    expect(scripted.callsOf("chat.abort").length).toBe(asked);
  });

  it("that nobody hears ends the gateway within two seconds", async () => {
    const { scripted, run, over, state } = await setting((call, peer) => {
      if (call.method === "agent") peer.answer(call, accepted);
    });
    await expect.poll(() => scripted.callsOf("agent").length, { timeout: 10_000 }).toBe(1);
    const before = monotonicMs();
    const aborting = run.abort();
    expect((await over).at(-1)).toMatchObject({ type: "error", failure: { kind: "aborted" } });
    expect(monotonicMs() - before).toBeLessThan(10_000);
    await aborting;
    expect(state.kills).toBe(1);
  });
});

describe("a connection", () => {
  it("is refused with a wrong token, and given up when nobody greets", async () => {
    const scripted = await ScriptedGateway.start(
      (stop) => onTestFinished(stop),
      () => {},
    );
    scripted.token = "another";
    await expect(GatewayConnection.open(scripted.address, () => {})).rejects.toBeInstanceOf(CallRefused);
    await scripted.stop();
    await expect(GatewayConnection.open(scripted.address, () => {})).rejects.toBeInstanceOf(ConnectionLost);
  });

  it("bounds every call, and refuses those after its end", async () => {
    const scripted = await ScriptedGateway.start(
      (stop) => onTestFinished(stop),
      () => {},
    );
    const connection = await GatewayConnection.open(scripted.address, () => {});
    await expect(connection.call("silence", {}, { timeoutMs: 50 })).rejects.toThrow(/did not answer silence/);
    const pending = connection.call("silence", {}, { timeoutMs: 20_000 });
    connection.close();
    await expect(pending).rejects.toBeInstanceOf(ConnectionLost);
    await expect(connection.call("more", {}, { timeoutMs: 50 })).rejects.toBeInstanceOf(ConnectionLost);
    expect(connection.isOpen).toBe(false);
  });
});

describe("the system prompt", () => {
  it("has the instructions and what is new since the last answer", () => {
    const { agent } = turnInput({ message: "" });
    const entry = (role: "system" | "user" | "assistant", content: string) => ({ role, content, at: 0 });
    expect(systemPrompt({ agent, history: [] })).toBeNull();
    const history = [entry("system", "old"), entry("user", "a"), entry("assistant", "b"), entry("system", "new")];
    expect(systemPrompt({ agent, history })).toBe("new");
    expect(systemPrompt({ agent: { ...agent, instructions: "Be brief." }, history })).toBe("Be brief.\n\nnew");
  });
});

/** A conversation and its runtime: started once, started again when it is not well, and not waited for longer than its turn. */
import { describe, expect, it } from "vitest";
import { createLogger, SecretFilter } from "../logger.js";
import { echoWith } from "../testing/altered-echo.js";
import { temporaryDirectory } from "../testing/temporary.js";
import { turnInput } from "../testing/turn-input.js";
import { Conversation } from "./conversation.js";

async function setting(start: (stopped: Promise<void>) => Promise<void>) {
  const calls: string[] = [];
  const state = { isHealthy: true, standsStill: true, isBroken: false };
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  const create = echoWith((_, echo) => ({
    start: async () => {
      calls.push("start");
      await start(stopped);
    },
    health: async () => (state.isBroken ? Promise.reject(new Error("It broke.")) : state),
    quiesce: () => (state.standsStill ? echo.quiesce() : new Promise(() => {})),
    stop: async () => {
      calls.push("stop");
      stop();
    },
  }));
  const logger = createLogger("silent", new SecretFilter());
  return { conversation: new Conversation("c", await temporaryDirectory(), create, logger, 50), calls, state };
}

const never = new AbortController().signal;
const input = turnInput({ message: "" });

describe("a conversation's runtime", () => {
  it("is asked to be ready before each turn, and stopped first when it is not well", async () => {
    const { conversation, calls, state } = await setting(async () => {});
    await conversation.startedRuntime(input, never);
    await conversation.startedRuntime(input, never);
    expect(calls).toEqual(["start", "start"]);
    state.isHealthy = false;
    await conversation.startedRuntime(input, never);
    expect(calls).toEqual(["start", "start", "stop", "start"]);
    expect(conversation.isWarm).toBe(true);
  });

  it("is stopped when it does not stand still for a snapshot", async () => {
    const { conversation, calls, state } = await setting(async () => {});
    await conversation.startedRuntime(input, never);
    await (
      await conversation.quiesce()
    )();
    expect(conversation.isWarm).toBe(true);
    state.standsStill = false;
    await (
      await conversation.quiesce()
    )();
    expect(calls).toEqual(["start", "stop"]);
    expect(conversation.isWarm).toBe(false);
  });

  it("that cannot say how it is counts as not well", async () => {
    const { conversation, calls, state } = await setting(async () => {});
    await conversation.startedRuntime(input, never);
    state.isBroken = true;
    await conversation.startedRuntime(input, never);
    expect(calls).toEqual(["start", "stop", "start"]);
  });

  it("that starts slowly is stopped when its turn ends, and nobody waits for it", async () => {
    const { conversation, calls } = await setting((stopped) => stopped);
    const turn = new AbortController();
    const starting = conversation.startedRuntime(input, turn.signal);
    setTimeout(() => turn.abort(), 20);
    await expect(starting).rejects.toThrow();
    expect(calls).toEqual(["start", "stop"]);
    expect(conversation.isWarm).toBe(false);
    await expect(conversation.startedRuntime(input, turn.signal)).rejects.toThrow();
  });
});

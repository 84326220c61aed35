/** What every runtime has to prove: each calls {@link describeRuntime} in its own test. */
import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { DestinationStream } from "pino";
import { describe, expect, it } from "vitest";
import { createLogger, SecretFilter } from "../logger.js";
import { scanTree } from "../snapshots/tree-scan.js";
import { temporaryDirectory } from "../testing/temporary.js";
import { turnInput } from "../testing/turn-input.js";
import { monotonicMs } from "../timing.js";
import type { Runtime, RuntimeContext, RuntimeEvent } from "./runtime.js";

export type RuntimeUnderTest = {
  create(context: RuntimeContext): Runtime;
  /** Bounds of the slowest parts, in ms. */
  startTimeoutMs: number;
  turnTimeoutMs: number;
  /** What the agent's turns are given, e.g. the key for its model. */
  environment?: Record<string, string>;
  /** A message whose turn streams for several seconds. */
  longMessage: string;
  /** Two turns: the first tells the agent something, the second asks for it and must be answered with `expected`. */
  memory: { tell: string; ask: string; expected: RegExp };
};

/** Promised by the interface; generous bounds elsewhere are for slow machines, this one is the contract. */
const ABORT_WITHIN_MS = 2_000;

/** A variable of the agent; no runtime has a reason to say it. */
const SECRET = "conformance-secret-9d1f4c7be2a04c55";

const isTerminal = (event: RuntimeEvent) => event.type === "done" || event.type === "error";

export function describeRuntime(name: string, tested: RuntimeUnderTest): void {
  const start = async (root: string, log?: DestinationStream): Promise<Runtime> => {
    const context: RuntimeContext = {
      conversationId: "conversation",
      workspaceDirectory: join(root, "conversation/workspace"),
      stateDirectory: join(root, "conversation/state"),
      temporaryDirectory: join(root, "temporary"),
      logger: createLogger(log === undefined ? "silent" : "trace", new SecretFilter(), log),
    };
    for (const folder of [context.workspaceDirectory, context.stateDirectory, context.temporaryDirectory]) {
      await mkdir(folder, { recursive: true });
    }
    const runtime = tested.create(context);
    await runtime.start(turnInput({ message: "", environment: { ...tested.environment, CONFORMANCE_SECRET: SECRET } }));
    return runtime;
  };
  const turn = (runtime: Runtime, turnId: string, message: string) =>
    runtime.runTurn(turnInput({ turnId, message, environment: { ...tested.environment, CONFORMANCE_SECRET: SECRET } }));
  const collect = async (events: AsyncIterable<RuntimeEvent>) => {
    const seen: RuntimeEvent[] = [];
    for await (const event of events) seen.push(event);
    return seen;
  };
  const textOf = (events: readonly RuntimeEvent[]) =>
    events.map((event) => (event.type === "text" ? event.text : "")).join("");
  const timeout = tested.startTimeoutMs * 2 + tested.turnTimeoutMs * 3;

  describe(`${name} keeps the runtime contract`, { timeout }, () => {
    it("is healthy once started, and not before or after", async () => {
      const runtime = await start(await temporaryDirectory());
      expect((await runtime.health()).isHealthy).toBe(true);
      await runtime.stop();
      await runtime.stop();
      expect((await runtime.health()).isHealthy).toBe(false);
    });

    it("ends a turn with exactly one terminal event, text and usage before it", async () => {
      const runtime = await start(await temporaryDirectory());
      const events = await collect(turn(runtime, "turn-1", "hello"));
      expect(events.filter(isTerminal)).toEqual([{ type: "done" }]);
      expect(events.at(-1)).toEqual({ type: "done" });
      expect(textOf(events).length).toBeGreaterThan(0);
      const usage = events.findLast((event) => event.type === "usage");
      expect(usage?.type === "usage" && usage.usage.inputTokens + usage.usage.outputTokens).toBeGreaterThan(0);
      if (runtime.capabilities.streamsText)
        expect(events.filter(({ type }) => type === "text").length).toBeGreaterThan(1);
      await runtime.stop();
    });

    it("leaves every tool call it reports finished", async () => {
      const runtime = await start(await temporaryDirectory());
      const last = new Map<string, string>();
      for (const event of await collect(turn(runtime, "turn-1", tested.memory.tell))) {
        if (event.type === "tool") last.set(event.call.callId, event.call.status);
      }
      expect([...last.values()].filter((status) => status !== "done" && status !== "failed")).toEqual([]);
      if (runtime.capabilities.reportsTools) expect(last.size).toBeGreaterThan(0);
      await runtime.stop();
    });

    it("aborts a running turn in time and can take the next one", async () => {
      const runtime = await start(await temporaryDirectory());
      const events: RuntimeEvent[] = [];
      let abortedAt = 0;
      for await (const event of turn(runtime, "turn-1", tested.longMessage)) {
        events.push(event);
        if (event.type === "text" && abortedAt === 0) {
          abortedAt = monotonicMs();
          await runtime.abort("another turn");
          await runtime.abort("turn-1");
        }
      }
      expect(monotonicMs() - abortedAt).toBeLessThan(ABORT_WITHIN_MS);
      expect(events.filter(isTerminal)).toHaveLength(1);
      expect(events.at(-1)).toMatchObject({ type: "error", failure: { kind: "aborted" } });
      await runtime.abort("turn-1");
      expect((await collect(turn(runtime, "turn-2", "hello"))).at(-1)).toEqual({ type: "done" });
      await runtime.stop();
    });

    it("ends a running turn when it is stopped", async () => {
      const runtime = await start(await temporaryDirectory());
      const events: RuntimeEvent[] = [];
      for await (const event of turn(runtime, "turn-1", tested.longMessage)) {
        events.push(event);
        if (event.type === "text") await runtime.stop();
      }
      expect(events.filter(isTerminal)).toHaveLength(1);
      expect(events.at(-1)?.type).toBe("error");
    });

    it("remembers across turns, and after stop, copy elsewhere and start", async () => {
      const [first, second] = [await temporaryDirectory(), await temporaryDirectory()];
      const before = await start(first);
      await collect(turn(before, "turn-1", tested.memory.tell));
      expect(textOf(await collect(turn(before, "turn-2", tested.memory.ask)))).toMatch(tested.memory.expected);
      const resume = await before.quiesce();
      await cp(join(first, "conversation"), join(second, "conversation"), { recursive: true });
      await resume();
      await before.stop();
      const after = await start(second);
      expect(textOf(await collect(turn(after, "turn-3", tested.memory.ask)))).toMatch(tested.memory.expected);
      await after.stop();
    });

    it("puts no secret of the agent into events, logs or what a snapshot would hold", async () => {
      const root = await temporaryDirectory();
      const log: string[] = [];
      const runtime = await start(root, { write: (line) => void log.push(line) });
      const events: RuntimeEvent[] = [];
      for (const [index, message] of [tested.memory.tell, tested.memory.ask].entries()) {
        events.push(...(await collect(turn(runtime, `turn-${index}`, message))));
      }
      await runtime.stop();
      expect(JSON.stringify(events)).not.toContain(SECRET);
      expect(log.join("")).not.toContain(SECRET);
      const { entries } = await scanTree(join(root, "conversation"), runtime.snapshotExcludes());
      for (const { kind, path } of entries) {
        if (kind !== "file") continue;
        expect(await readFile(join(root, "conversation", path), "latin1"), path).not.toContain(SECRET);
      }
      for (const value of Object.values(tested.environment ?? {})) {
        expect(log.join("") + JSON.stringify(events)).not.toContain(value);
      }
    });

    it("writes nowhere but into its own folders", async () => {
      const root = await temporaryDirectory();
      const runtime = await start(root);
      await collect(turn(runtime, "turn-1", tested.memory.tell));
      await runtime.stop();
      expect((await readdir(root)).sort()).toEqual(["conversation", "temporary"]);
      expect((await readdir(join(root, "conversation"))).sort()).toEqual(["state", "workspace"]);
    });
  });
}

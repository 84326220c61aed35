/** What every runtime has to prove: each calls {@link describeRuntime} in its own test. */
import { cp, mkdir, readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { DeltaStream } from "../delta-stream.js";
import { createLogger, SecretFilter } from "../logger.js";
import { isExcluded, scanTree } from "../snapshots/tree-scan.js";
import { temporaryDirectory } from "../testing/temporary.js";
import { turnInput } from "../testing/turn-input.js";
import { monotonicMs, sleep } from "../timing.js";
import { runInRuntime } from "../turn-output.js";
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

/** Of the newest events and log lines, when a case fails. */
const SHOWN = 10;

const isTerminal = (event: RuntimeEvent) => event.type === "done" || event.type === "error";

const textOf = (events: readonly RuntimeEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

/** A runtime in a folder of its own, with everything that it has said and logged. */
class Subject {
  readonly events: RuntimeEvent[] = [];
  readonly log: string[] = [];
  readonly runtime: Runtime;
  private turns = 0;

  constructor(
    readonly root: string,
    private readonly tested: RuntimeUnderTest,
  ) {
    this.runtime = tested.create({
      conversationId: "conversation",
      workspaceDirectory: join(root, "conversation/workspace"),
      stateDirectory: join(root, "conversation/state"),
      temporaryDirectory: join(root, "temporary"),
      logger: createLogger("trace", new SecretFilter(), { write: (line) => void this.log.push(line) }),
    });
  }

  /** As the worker does it before each turn: whoever is ready already returns at once. */
  async start(): Promise<void> {
    for (const folder of ["conversation/workspace", "conversation/state", "temporary"]) {
      await mkdir(join(this.root, folder), { recursive: true });
    }
    await this.runtime.start(this.input(""));
  }

  /** What a snapshot would hold, as it moves to another machine. */
  async copyTo(root: string): Promise<void> {
    const from = join(this.root, "conversation");
    const excludes = this.runtime.snapshotExcludes();
    const filter = (path: string) => !isExcluded(relative(from, path), excludes);
    await cp(from, join(root, "conversation"), { recursive: true, filter });
  }

  input(message: string) {
    const environment = { ...this.tested.environment, CONFORMANCE_SECRET: SECRET };
    return turnInput({ turnId: `turn-${++this.turns}`, message, environment });
  }

  /** What may explain a turn that went wrong; tests only, so that nothing in it is really secret. */
  get lastWords(): string {
    return JSON.stringify([this.events.slice(-SHOWN), this.log.slice(-SHOWN)], null, 1);
  }

  /** One turn; `onText` is called with its id when it first says something. */
  async turn(message: string, onText: (turnId: string) => Promise<void> = async () => {}): Promise<RuntimeEvent[]> {
    await this.start();
    const input = this.input(message);
    const events: RuntimeEvent[] = [];
    for await (const event of this.runtime.runTurn(input)) {
      events.push(event);
      if (event.type === "text" && textOf(events) === event.text) await onText(input.turnId);
    }
    this.events.push(...events);
    return events;
  }
}

/** The cases share two started runtimes, because some take half a minute to start; each case also passes alone. */
export function describeRuntime(name: string, tested: RuntimeUnderTest): void {
  const { memory, longMessage } = tested;
  const timeout = tested.startTimeoutMs * 2 + tested.turnTimeoutMs * 3;
  const cleanUps: (() => Promise<void>)[] = [];
  const makeSubject = async () => {
    const subject = new Subject(await temporaryDirectory((remove) => cleanUps.unshift(remove)), tested);
    cleanUps.unshift(() => subject.runtime.stop());
    return subject;
  };

  describe(`${name} keeps the runtime contract`, { timeout }, () => {
    let subject: Subject;
    beforeAll(async () => {
      subject = await makeSubject();
    });
    afterAll(async () => {
      for (const cleanUp of cleanUps.splice(0)) await cleanUp();
    }, timeout);

    it("is healthy once started, and not before", async () => {
      expect((await (await makeSubject()).runtime.health()).isHealthy).toBe(false);
      await subject.start();
      expect((await subject.runtime.health()).isHealthy).toBe(true);
    });

    it("ends a turn with exactly one terminal event, text and usage before it", async () => {
      const events = await subject.turn("hello");
      expect(events.filter(isTerminal)).toEqual([{ type: "done" }]);
      expect(events.at(-1)).toEqual({ type: "done" });
      expect(textOf(events).length).toBeGreaterThan(0);
      const usage = events.findLast((event) => event.type === "usage");
      expect(usage?.type === "usage" && usage.usage.inputTokens + usage.usage.outputTokens).toBeGreaterThan(0);
      if (subject.runtime.capabilities.streamsText)
        expect(events.filter(({ type }) => type === "text").length).toBeGreaterThan(1);
    });

    it("leaves every tool call it reports finished", async () => {
      const last = new Map<string, string>();
      for (const event of await subject.turn(memory.tell)) {
        if (event.type === "tool") last.set(event.call.callId, event.call.status);
      }
      expect([...last.values()].filter((status) => status !== "done" && status !== "failed")).toEqual([]);
      if (subject.runtime.capabilities.reportsTools) expect(last.size).toBeGreaterThan(0);
    });

    it("aborts a running turn in time and can take the next one", async () => {
      let abortedAt = 0;
      let abortedTurn = "";
      const events = await subject.turn(longMessage, async (turnId) => {
        abortedAt = monotonicMs();
        abortedTurn = turnId;
        await subject.runtime.abort("another turn");
        await subject.runtime.abort(turnId);
      });
      expect(monotonicMs() - abortedAt).toBeLessThan(ABORT_WITHIN_MS);
      expect(events.filter(isTerminal)).toHaveLength(1);
      expect(events.at(-1)).toMatchObject({ type: "error", failure: { kind: "aborted" } });
      await subject.runtime.abort(abortedTurn);
      expect((await subject.turn("hello")).at(-1), subject.lastWords).toEqual({ type: "done" });
    });

    it("is ended by a deadline, and stays silent after it", async () => {
      await subject.start();
      const deadline = new AbortController();
      const said: string[] = [];
      const deltas = new DeltaStream(async ({ offset, text }) => {
        said.push(text);
        return offset + text.length;
      }, deadline.signal);
      const forceStop = () => subject.runtime.stop();
      const logger = createLogger("silent", new SecretFilter());
      const options = { signal: deadline.signal, forceStop, logger };
      const over = runInRuntime(subject.runtime, subject.input(longMessage), deltas, options);
      await expect.poll(() => said.join(""), { timeout: tested.turnTimeoutMs, interval: 10 }).not.toBe("");
      deadline.abort();
      expect(await over).toBeNull();
      const before = deltas.reply;
      await sleep(500);
      expect(deltas.reply).toBe(before);
    });

    it("remembers across turns, and after a stop, a copy elsewhere and a start; a stop ends a running turn", async () => {
      expect((await subject.turn(memory.tell)).at(-1), subject.lastWords).toEqual({ type: "done" });
      expect(textOf(await subject.turn(memory.ask)), subject.lastWords).toMatch(memory.expected);
      const elsewhere = await makeSubject();
      const resume = await subject.runtime.quiesce();
      await subject.copyTo(elsewhere.root);
      await resume();
      expect(textOf(await subject.turn(memory.ask)), subject.lastWords).toMatch(memory.expected);
      await subject.runtime.stop();
      await subject.runtime.stop();
      expect((await subject.runtime.health()).isHealthy).toBe(false);

      expect(textOf(await elsewhere.turn(memory.ask)), elsewhere.lastWords).toMatch(memory.expected);
      const events = await elsewhere.turn(longMessage, () => elsewhere.runtime.stop());
      expect(events.filter(isTerminal)).toHaveLength(1);
      expect(events.at(-1)?.type).toBe("error");
    });

    it("puts no secret of the agent into events, logs or what a snapshot would hold", async () => {
      const { root, runtime, events, log } = subject;
      if (events.length === 0) await subject.turn(memory.tell);
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
      const { root, events } = subject;
      if (events.length === 0) await subject.turn(memory.tell);
      expect((await readdir(root)).sort()).toEqual(["conversation", "temporary"]);
      expect((await readdir(join(root, "conversation"))).sort()).toEqual(["state", "workspace"]);
    });
  });
}

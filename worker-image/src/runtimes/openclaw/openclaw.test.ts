/** The runtime around its gateway: when one is started, with what, and what its death and its refusals mean for a turn. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FAILURE_KINDS } from "../../../../src/shared/failure.js";
import { createLogger, SecretFilter } from "../../logger.js";
import { temporaryDirectory } from "../../testing/temporary.js";
import { testSystem, untilOver } from "../../testing/test-worker.js";
import { turnInput } from "../../testing/turn-input.js";
import { configureRuntime } from "../registry.js";
import { RuntimeNotStarted, type RuntimeEvent, type TurnInput } from "../runtime.js";
import { OPENCLAW_VARIABLES } from "./settings.js";
import { fakeOpenClaw } from "./testing/fake-openclaw.js";

async function setting(environment: Record<string, string> = {}) {
  const root = await temporaryDirectory();
  const fake = await fakeOpenClaw(await temporaryDirectory());
  const log: string[] = [];
  const context = {
    conversationId: "conversation",
    workspaceDirectory: join(root, "workspace"),
    stateDirectory: join(root, "state"),
    temporaryDirectory: join(root, "temporary"),
    logger: createLogger("debug", new SecretFilter(), { write: (line) => void log.push(line) }),
  };
  for (const folder of [context.workspaceDirectory, context.stateDirectory]) await mkdir(folder);
  const variables = { AGENT_FACTORY_CHAT_MODEL: "m", [OPENCLAW_VARIABLES.entry]: fake.entry, ...environment };
  const runtime = configureRuntime("openclaw", variables)(context);
  onTestFinished(() => runtime.stop());
  let turns = 0;
  const turn = async (input: Partial<TurnInput> & { message: string }, onEvent = (_: RuntimeEvent) => {}) => {
    const events: RuntimeEvent[] = [];
    for await (const event of runtime.runTurn(turnInput({ turnId: `turn-${++turns}`, ...input }))) {
      events.push(event);
      onEvent(event);
    }
    return events;
  };
  const start = (variables: Record<string, string> = {}) =>
    runtime.start(turnInput({ message: "", environment: variables }));
  return { ...context, runtime, fake, log, start, turn };
}

const textOf = (events: readonly RuntimeEvent[]) =>
  events.map((event) => (event.type === "text" ? event.text : "")).join("");

describe("a gateway", () => {
  it("is started once for the same agent, and anew for another, with new tokens that no log holds", async () => {
    const { fake, start, turn, log, runtime } = await setting();
    await start({ KEY: "a" });
    await start({ KEY: "a" });
    expect((await turn({ message: "hello" })).at(-1)).toEqual({ type: "done" });
    expect(await fake.starts()).toHaveLength(1);
    await start({ KEY: "b" });
    expect((await turn({ message: "hello" })).at(-1)).toEqual({ type: "done" });
    await runtime.stop();
    await start({ KEY: "b" });
    const starts = await fake.starts();
    expect(starts.map(({ environment }) => environment["KEY"])).toEqual(["a", "b", "b"]);
    const tokens = starts.flatMap(({ environment }) => [
      environment["OPENCLAW_GATEWAY_TOKEN"] ?? "",
      environment["AGENT_FACTORY_MODEL_TOKEN"] ?? "",
    ]);
    expect(new Set(tokens).size).toBe(6);
    for (const token of tokens) {
      expect(Buffer.from(token, "base64url")).toHaveLength(32);
      expect(log.join("")).not.toContain(token);
    }
  });

  it("that refuses its configuration is not started a second time, and works once it is mended", async () => {
    const { fake, start, runtime } = await setting();
    await fake.set("wrong-config");
    const error: unknown = await start().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RuntimeNotStarted);
    expect(error).toMatchObject({ kind: "config_error" });
    expect(String(error)).toContain("nonsense");
    expect(await fake.starts()).toHaveLength(1);
    expect((await runtime.health()).isHealthy).toBe(false);
    await fake.clear("wrong-config");
    await start();
    expect((await runtime.health()).isHealthy).toBe(true);
  });

  it("that refuses its configuration fails the message for good, with the reason", async () => {
    const fake = await fakeOpenClaw(await temporaryDirectory());
    await fake.set("wrong-config");
    const { backend, start } = await testSystem(onTestFinished);
    const variables = { AGENT_FACTORY_CHAT_MODEL: "m", [OPENCLAW_VARIABLES.entry]: fake.entry };
    await start({ createRuntime: configureRuntime("openclaw", variables) });
    const message = await untilOver(backend.enqueue("c", "hello"));
    expect(message).toMatchObject({ status: "failed", errorKind: "config_error" });
    expect(message.error).toMatch(/does not accept its configuration. It says: .*nonsense/);
    expect(FAILURE_KINDS.config_error.retryable).toBe(false);
    expect(await fake.starts()).toHaveLength(1);
  });

  it("whose port somebody else has taken gets another one", async () => {
    const { fake, start, runtime } = await setting();
    await fake.set("taken-port");
    await start();
    const ports = (await fake.starts()).map(({ port }) => port);
    expect(ports).toHaveLength(2);
    expect(new Set(ports).size).toBe(2);
    expect((await runtime.health()).isHealthy).toBe(true);
  });

  it("that has ended is started anew for the next turn; the turn it ended in may be tried again", async () => {
    const { fake, start, turn, runtime } = await setting();
    const failures: [message: string, said: RegExp][] = [
      ["die", /ended in the middle of the turn/],
      ["be killed", /no memory left/],
    ];
    for (const [message, said] of failures) {
      await start();
      const events = await turn({ message });
      expect(events).toMatchObject([{ type: "error", failure: { kind: "runtime_crashed" } }]);
      expect(JSON.stringify(events)).toMatch(said);
      await expect.poll(async () => (await runtime.health()).isHealthy, { timeout: 10_000 }).toBe(false);
    }
    await start();
    expect(textOf(await turn({ message: "hello" }))).toBe("hello");
    expect(await fake.starts()).toHaveLength(3);
  });

  it("finds nothing left of one that outlived its worker, neither its processes nor its locks", async () => {
    const { stateDirectory, start } = await setting();
    const lock = join(stateDirectory, "tmp/openclaw-0/gateway.lock");
    await mkdir(join(stateDirectory, "tmp/openclaw-0"), { recursive: true });
    await writeFile(lock, JSON.stringify({ pid: process.pid }));
    const left = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], {
      env: { OPENCLAW_STATE_DIR: stateDirectory },
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => left.once("exit", resolve));
    onTestFinished(() => void left.kill("SIGKILL"));
    await new Promise((resolve) => left.once("spawn", resolve));
    await start();
    expect(existsSync(lock)).toBe(false);
    if (process.platform === "linux") await ended;
  });

  it("is stopped while it starts, which whoever waits for it hears", async () => {
    const { fake, start, runtime } = await setting();
    await fake.set("never-ready");
    const starting = start().catch((thrown: unknown) => thrown);
    await expect.poll(async () => (await fake.starts()).length, { timeout: 20_000 }).toBe(1);
    await runtime.stop();
    expect(await starting).toBeInstanceOf(RuntimeNotStarted);
  });

  it("that does not come to rest is ended, so that its files stand still", async () => {
    const { fake, start, turn, runtime } = await setting();
    await start();
    const resume = await runtime.quiesce();
    await resume();
    expect((await runtime.health()).isHealthy).toBe(true);
    await fake.set("never-at-rest");
    await (
      await runtime.quiesce()
    )();
    expect((await runtime.health()).isHealthy).toBe(false);
    await start();
    expect(textOf(await turn({ message: "hello" }))).toBe("hello");
    expect(await fake.starts()).toHaveLength(2);
  });
});

describe("a turn", () => {
  it("needs a gateway, and has it for itself", async () => {
    const { start, turn, runtime } = await setting();
    expect(await turn({ message: "hello" })).toMatchObject([{ type: "error", failure: { kind: "unknown" } }]);
    await start();
    const second: Promise<RuntimeEvent[]>[] = [];
    const first = await turn({ turnId: "first", message: "hang" }, ({ type }) => {
      if (type === "text") second.push(turn({ message: "hello" }).finally(() => void runtime.abort("first")));
    });
    expect(first.at(-1)).toMatchObject({ type: "error", failure: { kind: "aborted" } });
    expect(await second[0]).toMatchObject([{ type: "error", failure: { message: "A turn is running already." } }]);
  });

  it("that OpenClaw itself has ended took too long", async () => {
    const { start, turn } = await setting();
    await start();
    expect(await turn({ message: "take too long" })).toMatchObject([{ type: "error", failure: { kind: "timeout" } }]);
  });

  it("ends as stopped when the runtime is stopped", async () => {
    const { start, turn, runtime } = await setting();
    await start();
    const events = await turn({ message: "hang" }, ({ type }) => {
      if (type === "text") void runtime.stop();
    });
    expect(events.at(-1)).toMatchObject({ type: "error", failure: { kind: "runtime_crashed" } });
  });

  it("tells what was said before OpenClaw came, once, also when another gateway goes on", async () => {
    const { start, turn, runtime } = await setting();
    const history = [
      { role: "user" as const, content: "My cat is called Minou.", at: 1 },
      { role: "assistant" as const, content: "A nice name.", at: 2 },
    ];
    await start();
    const first = textOf(await turn({ message: "hello", history }));
    expect(first).toContain('{"role":"user","text":"My cat is called Minou."}');
    expect(first.endsWith("\n\nhello")).toBe(true);
    expect(textOf(await turn({ message: "hello", history }))).toBe("hello");
    await runtime.stop();
    await start();
    expect(textOf(await turn({ message: "hello", history }))).toBe("hello");
  });

  it("hands pictures to the model, unless the model takes none", async () => {
    const attachments = [
      { path: "a.png", kind: "photo" as const, mimeType: "image/png", sizeBytes: 8 },
      { path: "b.txt", kind: "document" as const, mimeType: "text/plain", sizeBytes: 8 },
    ];
    const said = async (environment: Record<string, string>) => {
      const { start, turn, workspaceDirectory } = await setting(environment);
      for (const { path } of attachments)
        await writeFile(join(workspaceDirectory, path), "\x89PNG\r\n\x1a\n", "latin1");
      await start();
      return textOf(await turn({ message: "look", attachments }));
    };
    expect(await said({})).toBe("look + a.png");
    expect(await said({ [OPENCLAW_VARIABLES.pictures]: "files" })).toBe("look");
  });
});

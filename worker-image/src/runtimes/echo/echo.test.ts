/** The echo runtime: its contract, its commands, its memory. */
import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withAttachments } from "../../attachments/describe.js";
import { ConfigError } from "../../config.js";
import { createLogger, SecretFilter } from "../../logger.js";
import { temporaryDirectory } from "../../testing/temporary.js";
import { turnInput } from "../../testing/turn-input.js";
import { describeRuntime } from "../conformance.js";
import { configureRuntime, RUNTIME_NAMES } from "../registry.js";
import type { RuntimeEvent, TurnAttachment } from "../runtime.js";
import { parseCommand, type EchoCommand } from "./commands.js";
import { pieces } from "./echo.js";

describeRuntime("echo", {
  create: configureRuntime("echo", { AGENT_FACTORY_ECHO_DELAY_MS: "20" }),
  startTimeoutMs: 5_000,
  turnTimeoutMs: 10_000,
  longMessage: "word ".repeat(400),
  memory: { tell: "remember that the cat is called Minou", ask: "What is the cat called?", expected: /Minou/ },
});

/** A conversation with one runtime: says a message, returns the reply and what it reported. */
async function conversation() {
  const root = await temporaryDirectory();
  const workspaceDirectory = join(root, "workspace");
  const runtime = configureRuntime("echo", { AGENT_FACTORY_ECHO_DELAY_MS: "0" })({
    conversationId: "c",
    workspaceDirectory,
    stateDirectory: join(root, "state"),
    temporaryDirectory: join(root, "temporary"),
    logger: createLogger("silent", new SecretFilter()),
  });
  await runtime.start(turnInput({ message: "" }));
  let turns = 0;
  const events = async (said: string, attachments: TurnAttachment[] = []): Promise<RuntimeEvent[]> => {
    const seen: RuntimeEvent[] = [];
    const message = withAttachments(said, attachments, []);
    const input = turnInput({ turnId: `t${++turns}`, message, attachments });
    for await (const event of runtime.runTurn(input)) seen.push(event);
    return seen;
  };
  const say = async (message: string, attachments: TurnAttachment[] = []) =>
    (await events(message, attachments)).map((event) => (event.type === "text" ? event.text : "")).join("");
  return { say, events, workspaceDirectory };
}

describe("commands", () => {
  const cases: [string, EchoCommand][] = [
    ["remember the milk", { kind: "remember", text: "the milk" }],
    ["Remember that I like tea", { kind: "remember", text: "I like tea" }],
    ["note: call Ana\nat 5", { kind: "remember", text: "call Ana\nat 5" }],
    ["please remember: x", { kind: "remember", text: "x" }],
    ["remember", { kind: "echo", text: "remember" }],
    ["notes are nice", { kind: "echo", text: "notes are nice" }],
    ["do you remember the milk?", { kind: "recall", words: ["remember", "milk"] }],
    ["list notes", { kind: "list" }],
    ["Show my notes.", { kind: "list" }],
    ["what do you remember?", { kind: "list" }],
    ["What do you remember about the Red car?", { kind: "recall", words: ["red", "car"] }],
    ["forget 2", { kind: "forget", number: 2 }],
    ["forget note #12.", { kind: "forget", number: 12 }],
    ["forget it", { kind: "echo", text: "forget it" }],
    ["Send me my notes as a file", { kind: "export" }],
    ["export notes", { kind: "export" }],
    ["send it back", { kind: "return" }],
    ["Please send the files back!", { kind: "return" }],
    ["send it back to Ana", { kind: "echo", text: "send it back to Ana" }],
    ["  hello  ", { kind: "echo", text: "hello" }],
    ["", { kind: "echo", text: "" }],
  ];
  for (const [message, expected] of cases) {
    it(`understands ${JSON.stringify(message)}`, () => expect(parseCommand(message)).toEqual(expected));
  }
});

describe("replies", () => {
  it("repeat the message and say that no AI is connected", async () => {
    const { say } = await conversation();
    expect(await say("good morning")).toBe(
      "I am the echo runtime: no AI model is connected. You said: “good morning”\n" +
        "I keep 0 notes; say “remember …” to add one, “list notes” to see them.",
    );
  });

  it("come from notes that lie in the workspace", async () => {
    const { say, workspaceDirectory } = await conversation();
    expect(await say("remember my bike is green")).toContain("Noted: “my bike is green”. I keep 1 note now.");
    expect(await say("note: the shop opens\n at nine")).toContain("I keep 2 notes now.");
    expect(await readFile(join(workspaceDirectory, "notes.md"), "utf8")).toBe(
      "- my bike is green\n- the shop opens at nine\n",
    );
    expect(await say("list notes")).toContain("1. my bike is green\n2. the shop opens at nine");
    expect(await say("What color is my bike?")).toContain("I remember:\n1. my bike is green\n");
    expect(await say("what do you remember about the shop")).toContain("2. the shop opens at nine");
    expect(await say("what do you remember about ships")).toContain("I found nothing about that in my 2 notes.");
    expect(await say("forget 7")).toContain("There is no note 7. I keep 2 notes.");
    expect(await say("forget 1")).toContain("Forgotten: “my bike is green”. I keep 1 note now.");
    expect(await say("list notes")).toContain("1. the shop opens at nine");
  });

  it("say what of a message's files has arrived, and hand files over when asked", async () => {
    const { say, workspaceDirectory } = await conversation();
    const path = "attachments/m1/photo.png";
    await mkdir(join(workspaceDirectory, "attachments/m1"), { recursive: true });
    await writeFile(join(workspaceDirectory, path), "pixels");
    const sha256 = createHash("sha256").update("pixels").digest("hex");
    const photo: TurnAttachment = { path, kind: "photo", mimeType: "image/png", sizeBytes: 6 };
    const seen = `You sent 1 file:\n- **photo.png** (image/png, 6 bytes), SHA-256 \`${sha256}\``;
    expect(await say("", [photo])).toContain(seen);
    const noted = await say("remember the door", [photo]);
    expect(noted).toContain("Noted: “the door”.");
    expect(noted).toContain(seen);
    expect(await say("send it back")).toContain("No file came with this message.");

    const outbox = async (name: string) => await readFile(join(workspaceDirectory, "outbox", name), "utf8");
    expect(await say("send it back", [photo])).toContain("Here you are: 1 file.");
    expect(await outbox("photo.png")).toBe("pixels");
    expect(await say("send me my notes")).toContain("Here is a file with 1 note.");
    expect(await outbox("notes.md")).toBe("- the door\n");
  });

  it("leave alone what somebody else wrote into the file", async () => {
    const { say, workspaceDirectory } = await conversation();
    await writeFile(join(workspaceDirectory, "notes.md"), "# Mine\n\n- one\ntext");
    await say("remember two");
    await say("forget 1");
    expect(await readFile(join(workspaceDirectory, "notes.md"), "utf8")).toBe("# Mine\n\ntext\n- two\n");
  });

  it("report file work, words as usage, and a failure that is fit for a user", async () => {
    const { events, workspaceDirectory } = await conversation();
    const seen = await events("remember one two");
    expect(seen.filter(({ type }) => type === "tool")).toEqual([
      { type: "tool", call: { toolName: "write_notes", callId: "t1/notes", status: "running" } },
      { type: "tool", call: { toolName: "write_notes", callId: "t1/notes", status: "done" } },
    ]);
    expect(seen.find(({ type }) => type === "usage")).toMatchObject({ usage: { inputTokens: 3, costUsd: 0 } });

    expect((await events(`remember ${"x".repeat(3_000)}`)).at(-1)).toEqual({
      type: "error",
      failure: { kind: "invalid_input", message: "A note has at most 2000 characters." },
    });

    const broken = await conversation();
    await mkdir(join(broken.workspaceDirectory, "notes.md"));
    expect((await broken.events("list notes")).slice(-2)).toEqual([
      { type: "tool", call: { toolName: "read_notes", callId: "t1/notes", status: "failed" } },
      {
        type: "error",
        failure: { kind: "runtime_crashed", message: "The workspace could not be read or written." },
      },
    ]);
    expect(await readFile(join(workspaceDirectory, "notes.md"), "utf8")).toBe("- one two\n");
  });

  it("are the same text, whatever it is, when their pieces are joined, and never too many of them", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.integer({ min: 1, max: 5 }), (text, most) => {
        expect(pieces(text, most).join("")).toBe(text);
        expect(pieces(text, most).length).toBeLessThanOrEqual(most);
      }),
    );
    expect(pieces("one two  three ", 10)).toEqual(["one", " two", "  three", " "]);
  });
});

describe("settings", () => {
  it("are checked when the worker starts", () => {
    expect(RUNTIME_NAMES).toContain("echo");
    expect(() => configureRuntime("echo", { AGENT_FACTORY_ECHO_DELAY_MS: "soon" })).toThrow(ConfigError);
    expect(() => configureRuntime("echo", { AGENT_FACTORY_ECHO_DELAY_MS: "-1" })).toThrow(
      /whole number from 0 to 10000/,
    );
  });
});

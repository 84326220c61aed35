/** A program in the place of `openclaw.mjs`: a gateway whose behavior is said by the messages it gets, and which tells how it was started. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { parseJson } from "../../../files.js";

const vStart = z.object({ pid: z.number(), port: z.string(), environment: z.record(z.string(), z.string()) });
export type FakeStart = z.infer<typeof vStart>;

/**
 * What the program does with a message:
 * `die`: ends by itself; `be killed`: by a signal; `hang`: says a word and waits; `take too long`: reports its own limit; anything
 * else is repeated, with the names of its pictures.
 */
const PROGRAM = `
import { appendFileSync, existsSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { WebSocketServer } from ${JSON.stringify(import.meta.resolve("ws"))};

const port = process.argv[process.argv.indexOf("--port") + 1];
const file = (name) => new URL(name, import.meta.url);
const has = (name) => existsSync(file(name));
appendFileSync(file("starts"), JSON.stringify({ pid: process.pid, port, environment: { ...process.env } }) + "\\n");

if (has("wrong-config")) {
  console.error("Invalid config at /t/openclaw.json:\\n<root>: Unrecognized key: nonsense");
  process.exit(78);
}
if (has("taken-port")) {
  rmSync(file("taken-port"));
  console.error("Gateway failed to start: Port " + port + " is already in use.");
  process.exit(1);
}
const server = createServer((_, answer) => answer.writeHead(has("never-ready") ? 503 : 200).end("{}"));
const running = new Map();
new WebSocketServer({ server }).on("connection", (socket) => {
  const send = (frame) => socket.send(JSON.stringify(frame));
  send({ type: "event", event: "connect.challenge", payload: { nonce: "n", ts: 1 } });
  socket.on("message", (data) => {
    const { id, method, params } = JSON.parse(data);
    const answer = (payload) => send({ type: "res", id, ok: true, payload });
    const refuse = (message) => send({ type: "res", id, ok: false, error: { code: "UNAVAILABLE", message } });
    if (method === "connect") {
      if (params.auth.token === process.env.OPENCLAW_GATEWAY_TOKEN) answer({ type: "hello-ok" });
      else refuse("unauthorized");
    } else if (method === "agent") {
      const runId = params.idempotencyKey;
      const say = (text) => send({ type: "event", event: "agent", payload: { runId, stream: "assistant", data: { text } } });
      answer({ runId, status: "accepted" });
      if (params.message === "die") process.exit(1);
      if (params.message === "be killed") process.kill(process.pid, "SIGKILL");
      if (params.message === "take too long") return answer({ runId, status: "timeout" });
      if (params.message === "hang") {
        running.set(runId, () => answer({ runId, status: "timeout", stopReason: "rpc" }));
        return say("wait");
      }
      const text = [params.message, ...(params.attachments ?? []).map(({ fileName }) => fileName)].join(" + ");
      say(text);
      answer({ runId, status: "ok", result: { payloads: [{ text }], meta: { agentMeta: { usage: { input: 3, output: 2 } } } } });
    } else if (method === "chat.abort") {
      running.get(params.runId)?.();
      answer({ ok: true });
    } else if (method === "gateway.suspend.prepare") {
      if (has("never-at-rest")) refuse("busy");
      else answer({ status: "ready", suspensionId: "s" });
    } else answer({});
  });
});
server.listen(Number(port), "127.0.0.1");
`;

type Behavior = "wrong-config" | "taken-port" | "never-ready" | "never-at-rest";

export type FakeOpenClaw = {
  entry: string;
  /** How often and with what it was started, oldest first. */
  starts(): Promise<FakeStart[]>;
  /** From now on, until it is cleared; `taken-port` is for one start. */
  set(behavior: Behavior): Promise<void>;
  clear(behavior: Behavior): Promise<void>;
};

export async function fakeOpenClaw(directory: string): Promise<FakeOpenClaw> {
  const entry = join(directory, "openclaw.mjs");
  await writeFile(entry, PROGRAM);
  return {
    entry,
    starts: async () => {
      const text = await readFile(join(directory, "starts"), "utf8").catch(() => "");
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => vStart.parse(parseJson(line)));
    },
    set: async (behavior) => await writeFile(join(directory, behavior), ""),
    clear: async (behavior) => await rm(join(directory, behavior)),
  };
}

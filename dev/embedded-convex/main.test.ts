/** The command: its flags, its one line, how it stops, and that killing it loses nothing. */
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConvexClient, ConvexHttpClient } from "convex/browser";
import { parseCommandLine, UsageError } from "./command-line.js";
import { BackendProcess, type ReadyLine } from "./server/testing/backend-process.js";
import { CHAT_PROJECT, chat } from "./server/testing/chat.js";
import { eventually } from "./server/testing/eventually.js";
import { recordingConstructor } from "./server/testing/start-counter-backend.js";

/** Clients wait up to 16 s before they try again when a restart takes long, as it may on a machine that is busy. */
const SEVERAL_STARTS_MS = 120_000;

let directory: string;
let processes: BackendProcess[];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "embedded-main-"));
  processes = [];
});
afterEach(async () => {
  await Promise.all(processes.map(async (backend) => await backend.kill("SIGKILL")));
  await rm(directory, { recursive: true, force: true });
});

async function start(port = "0", ...flags: string[]): Promise<{ backend: BackendProcess; line: ReadyLine }> {
  const started = await BackendProcess.start(
    "--project",
    CHAT_PROJECT,
    "--data",
    directory,
    "--port",
    port,
    "--site-port",
    "0",
    ...flags,
  );
  processes.push(started.backend);
  return started;
}

describe("the command", () => {
  it("says where it is, keeps its key in a file, and stops when it is told", async () => {
    const { backend, line } = await start();
    expect(line).toMatchObject({ ready: true, adminKeyFile: join(directory, "admin-key") });
    const key = (await readFile(join(directory, "admin-key"), "utf8")).trim();
    expect((await stat(join(directory, "admin-key"))).mode & 0o777).toBe(0o600);
    expect(backend.stdout + backend.stderr).not.toContain(key);
    const check = await fetch(`${line.cloudUrl}/api/check_admin_key`, {
      method: "POST",
      headers: { authorization: `Convex ${key}` },
    });
    expect(check.status).toBe(200);
    await backend.kill("SIGTERM");
    expect(backend.exitCode).toBe(0);
    expect(backend.stdout.trim().split("\n")).toHaveLength(1);
  });

  it("says what is wrong, and ends with a status of its own", async () => {
    const { line } = await start();
    const port = new URL(line.cloudUrl).port;
    const attempt = async (...flags: string[]) => {
      const backend = BackendProcess.spawn(...flags);
      processes.push(backend);
      await backend.exited;
      return { status: backend.exitCode, message: backend.stderr };
    };
    const [taken, wrong] = await Promise.all([
      attempt("--project", CHAT_PROJECT, "--memory", "--port", port, "--site-port", "0"),
      attempt("--prot", "1"),
    ]);
    expect(taken).toEqual({
      status: 3,
      message: expect.stringContaining(`Port ${port} is already in use.`) as unknown,
    });
    expect(wrong).toEqual({ status: 2, message: expect.stringContaining("Usage:") as unknown });
  });
});

describe("killing the process", () => {
  it(
    "loses nothing that was answered, repeats nothing, and clients go on by themselves",
    { timeout: SEVERAL_STARTS_MS },
    async () => {
      let { backend, line } = await start();
      const port = new URL(line.cloudUrl).port;
      const client = new ConvexClient(line.cloudUrl, {
        webSocketConstructor: recordingConstructor().constructor,
        logger: false,
      });
      const states: string[][] = [];
      client.onUpdate(chat.list, { room: "r" }, (messages) => states.push(messages));
      await eventually(() => expect(states).toHaveLength(1));

      const sent: string[] = [];
      const answers: Promise<number>[] = [];
      const keepSending = new AbortController();
      const sending = (async () => {
        while (!keepSending.signal.aborted) {
          const text = String(sent.length);
          sent.push(text);
          const answer = client.mutation(chat.send, { room: "r", author: "a", text });
          answers.push(answer);
          // Some wait for each other and some do not, so that the process dies with none, one or several of them in its hands.
          if (sent.length % 3 === 0) await answer;
          await sleep(5);
        }
      })();
      for (let round = 0; round < 2; round++) {
        const before = answers.length;
        await eventually(() => expect(answers.length).toBeGreaterThan(before + 8));
        await backend.kill("SIGKILL");
        ({ backend, line } = await start(port));
      }
      keepSending.abort();
      await sending;

      // Every answer tells how many messages the room had then: each mutation took effect exactly once, in order.
      expect(await Promise.all(answers)).toEqual(sent.map((_, index) => index + 1));
      const all = sent.map((text) => `a: ${text}`).slice(-100);
      await eventually(() => expect(states.at(-1)).toEqual(all));
      const http = new ConvexHttpClient(line.cloudUrl, { logger: false });
      expect(await http.query(chat.count, { room: "r" })).toBe(sent.length);
      // What the client was shown never got shorter or out of order, at any time.
      const numbers = states.map((messages) => messages.map((text) => Number(text.slice("a: ".length))));
      expect(numbers.filter((shown, index) => (shown.at(-1) ?? -1) < (numbers[index - 1]?.at(-1) ?? -1))).toEqual([]);
      await client.close();
    },
  );

  it("keeps the environment, files and the admin key", async () => {
    const first = await start();
    const key = await readFile(join(directory, "admin-key"), "utf8");
    const change = await fetch(`${first.line.cloudUrl}/api/update_environment_variables`, {
      method: "POST",
      headers: { authorization: `Convex ${key.trim()}` },
      body: JSON.stringify({ changes: [{ name: "GREETING", value: "still here" }] }),
    });
    expect(change.status).toBe(200);
    const port = new URL(first.line.cloudUrl).port;
    const before = new ConvexHttpClient(first.line.cloudUrl, { logger: false });
    const upload = await fetch(await before.mutation(chat.uploadUrl, {}), { method: "POST", body: "kept" });
    const { storageId: file } = (await upload.json()) as { storageId: string };
    await first.backend.kill("SIGKILL");

    const second = await start(port, "--stop-with-stdin");
    expect(await readFile(join(directory, "admin-key"), "utf8")).toBe(key);
    const after = new ConvexHttpClient(second.line.cloudUrl, { logger: false });
    expect(await after.query(chat.greeting, {})).toBe("still here");
    const url = await after.query(chat.fileUrl, { file });
    expect(await (await fetch(url ?? "")).text()).toBe("kept");
    await second.backend.endInput();
    expect(second.backend.exitCode).toBe(0);
  });
});

describe("the flags", () => {
  it("have defaults for a project in the current folder", () => {
    expect(parseCommandLine([], "/project")).toEqual({
      port: 3210,
      sitePort: 3211,
      projectDirectory: "/project",
      dataDirectory: "/project/.convex-embedded",
      adminKeyFile: "/project/.convex-embedded/admin-key",
      stopWithStdin: false,
      quiet: false,
    });
    expect(parseCommandLine(["--memory", "--project", "app", "--port", "0"], "/here")).toMatchObject({
      port: 0,
      projectDirectory: "/here/app",
      dataDirectory: null,
      adminKeyFile: null,
    });
    expect(parseCommandLine(["--data", "d", "--admin-key-file", "/k"], "/here")).toMatchObject({
      dataDirectory: "/here/d",
      adminKeyFile: "/k",
    });
    expect(parseCommandLine(["--help"], "/")).toBeNull();
  });

  it.each([[["--nothing"]], [["--port", "x"]], [["--port", "65536"]], [["--memory", "--data", "d"]], [["positional"]]])(
    "%s is refused",
    (args) => {
      expect(() => parseCommandLine(args, "/")).toThrow(UsageError);
    },
  );
});

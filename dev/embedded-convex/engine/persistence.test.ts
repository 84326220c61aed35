/** What is left after a process was killed at any moment, and that two processes cannot share a directory. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { call, openLeanNotesApp, textOf, valueOf } from "./test-engine.js";
import type { EmbeddedEngine } from "./types.js";

const CHILD = fileURLToPath(new URL("./persistence-child.ts", import.meta.url));
let dataDirectory: string;
let engine: EmbeddedEngine | null = null;
const children = new Set<ChildProcess>();

beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "embedded-convex-test-"));
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await close();
  await rm(dataDirectory, { recursive: true, force: true });
});

async function open(): Promise<EmbeddedEngine> {
  engine = await openLeanNotesApp({ dataDirectory });
  return engine;
}

async function close(): Promise<void> {
  await engine?.close();
  engine = null;
}

interface StartedChild {
  child: ChildProcess;
  printed: string[];
}

/** Starts the child, and kills it once it has printed so many lines. */
function startChild(mode: string, linesUntilKilled = Infinity): StartedChild {
  const child = spawn(process.execPath, ["--import", "tsx", CHILD, mode, dataDirectory], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  children.add(child);
  const printed: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    printed.push(line);
    if (printed.length >= linesUntilKilled) child.kill("SIGKILL");
  });
  return { child, printed };
}

/** @returns all that the child had printed when it was dead. */
async function runAndKill(mode: string, lines: number): Promise<string[]> {
  const { child, printed } = startChild(mode, lines);
  await once(child, "close");
  children.delete(child);
  return printed;
}

describe("kill -9", () => {
  it("loses nothing that was acknowledged, and keeps nothing by half", { timeout: 120_000 }, async () => {
    let acknowledged = -1;
    const generations = new Set<string>();
    for (const lines of [3, 60, 260]) {
      const printed = await runAndKill("notes", lines);
      acknowledged = Math.max(acknowledged, ...printed.map(Number));
      for (const name of await readdir(dataDirectory)) if (name.startsWith("log-")) generations.add(name);
      const reopened = await open();
      const notes = reopened.readTable("", "notes", { limit: 10_000, order: "asc" });
      const numbers = notes.map((note) => Number.parseInt((note as { text: string }).text, 10));
      expect(numbers).toEqual(numbers.map((_, at) => at));
      // The one that was being written may be there or not.
      expect(numbers.length - 1).toBeGreaterThanOrEqual(acknowledged);
      expect(numbers.length - 1).toBeLessThanOrEqual(acknowledged + 1);
      const files = reopened.readTable("", "_storage", { limit: 1_000, order: "asc" }).length;
      expect(files).toBeGreaterThanOrEqual(Math.floor(acknowledged / 10) + 1);
      expect(await readdir(join(dataDirectory, "files"))).toHaveLength(files);
      await close();
    }
    // The log was replaced by snapshots on the way.
    expect(generations.size).toBeGreaterThan(1);
    // A client that never heard back asks again, and gets the first answer.
    const reopened = await open();
    const [last] = reopened.readTable("", "notes", { limit: 1, order: "desc" });
    const { _id: id, text } = last as { _id: string; text: string };
    const again = await call(
      reopened,
      "notes:add",
      { author: "child", text: "again" },
      { requestKey: `child/${Number.parseInt(text, 10)}` },
    );
    expect(again).toMatchObject({ success: true, value: id });
    expect(reopened.readTable("", "notes", { limit: 1, order: "desc" })).toEqual([last]);
  });

  it(
    "fails the action that was running, and runs the mutation that fell due meanwhile",
    { timeout: 60_000 },
    async () => {
      await runAndKill("action", 1);
      await new Promise((resolve) => {
        setTimeout(resolve, 1_000);
      });
      const reopened = await open();
      await vi.waitFor(() => {
        expect(JSON.stringify(reopened.readTable("", "events", { limit: 10, order: "asc" }))).toContain("due later");
      }, 10_000);
      const [action, mutation] = reopened.readTable("", "_scheduled_functions", { limit: 10, order: "asc" });
      expect(action).toMatchObject({ state: { kind: "failed", error: expect.stringContaining("stopped") as string } });
      expect(mutation).toMatchObject({ state: { kind: "success" } });
      expect(
        reopened.readTable("", "events", { limit: 10, order: "asc" }).map((event) => (event as { kind: string }).kind),
      ).not.toContain("interrupted ends");
    },
  );

  it("does not leave the directory locked", { timeout: 60_000 }, async () => {
    const { child, printed } = startChild("idle");
    await vi.waitFor(() => expect(printed).toEqual(["open"]), 30_000);
    await expect(open()).rejects.toThrow(`is in use by another backend (process ${child.pid})`);
    child.kill("SIGKILL");
    await once(child, "close");
    await open();
  });
});

describe("reopening", () => {
  it("continues with data, files, environment, ids and timestamps", async () => {
    let current = await open();
    const id = await textOf(current, "notes:add", { author: "ann", text: "old" });
    await valueOf(current, "tallies:increment", { red: true });
    await current.env.set("SECRET", "kept");
    await current.env.set("PLAIN", "p");
    await current.env.set("PLAIN", undefined);
    const fileId = await valueOf(current, "files:storeInAction", { text: "bytes" });
    const token = new URL(await textOf(current, "files:uploadUrl")).searchParams.get("token")!;
    const used = new URL(await textOf(current, "files:uploadUrl")).searchParams.get("token")!;
    expect(current.storage.checkUploadToken(used)).not.toBeNull();
    await valueOf(current, "notes:remove", {
      id: await valueOf(current, "notes:add", { author: "ann", text: "gone" }),
    });
    const ts = current.latestTs();
    await close();

    current = await open();
    expect(current.latestTs()).toBeGreaterThan(ts);
    expect(await valueOf(current, "notes:get", { id })).toMatchObject({ text: "old" });
    expect(await valueOf(current, "notes:list", { author: "ann" })).toEqual(["old"]);
    expect(await valueOf(current, "tallies:increment", { red: true })).toBe(2);
    expect(await valueOf(current, "tallies:increment", { red: false })).toBe(1);
    expect(current.env.list()).toEqual({ SECRET: "kept" });
    expect(await valueOf(current, "files:readInAction", { id: fileId })).toBe("bytes");
    expect(current.storage.checkUploadToken(used)).toBeNull();
    expect(current.storage.checkUploadToken(token)).toEqual({ componentPath: "" });
    const newId = await textOf(current, "notes:add", { author: "ann", text: "new" });
    expect(newId > id).toBe(true);
    expect(await valueOf(current, "notes:list", { author: "ann" })).toEqual(["old", "new"]);
  });

  it("starts an interval cron anew only when its time has come", async () => {
    const runs = () =>
      engine!
        .readTable("", "events", { limit: 100, order: "asc" })
        .filter((event) => (event as { kind: string }).kind === "interval cron");
    await open();
    await vi.waitFor(() => expect(runs()).toHaveLength(1), 10_000);
    await close();
    const reopened = await open();
    await valueOf(reopened, "jobs:events");
    expect(runs()).toHaveLength(1);
    reopened.advanceClock(6 * 60 * 60 * 1000);
    await vi.waitFor(() => expect(runs()).toHaveLength(2), 10_000);
  });

  it("cuts off a last line that a crash left unfinished", async () => {
    await valueOf(await open(), "notes:add", { author: "ann", text: "whole" });
    await close();
    const log = join(dataDirectory, "log-0.jsonl");
    const complete = await readFile(log, "utf8");
    await appendFile(log, '{"ts":"1","components":[{"path":"","nextDo');
    expect(await valueOf(await open(), "notes:list", { author: "ann" })).toEqual(["whole"]);
    await valueOf(engine!, "notes:add", { author: "ann", text: "after" });
    await close();
    expect((await readFile(log, "utf8")).startsWith(complete)).toBe(true);
    expect(await valueOf(await open(), "notes:list", { author: "ann" })).toEqual(["whole", "after"]);
    await close();
    // Any other point of the last line will do as well.
    const whole = await readFile(log);
    for (const lost of [1, 2, 40, 200]) {
      await writeFile(log, whole.subarray(0, whole.byteLength - lost));
      expect(await valueOf(await open(), "notes:list", { author: "ann" })).toEqual(["whole"]);
      await close();
    }
  });

  it("refuses a log that was damaged in another way", async () => {
    await valueOf(await open(), "notes:add", { author: "ann", text: "whole" });
    await close();
    const log = join(dataDirectory, "log-0.jsonl");
    await writeFile(log, (await readFile(log, "utf8")).replace('"components"', '"comp\nonents"'));
    await expect(open()).rejects.toThrow(/is damaged near byte/);
    // The refusal does not keep the directory locked.
    await expect(open()).rejects.toThrow(/is damaged near byte/);
  });

  it("removes files that no document names", async () => {
    await valueOf(await open(), "files:storeInAction", { text: "named" });
    await close();
    await writeFile(join(dataDirectory, "files", "orphan"), "x");
    await writeFile(join(dataDirectory, "files", "half.partial"), "x");
    await open();
    expect(await readdir(join(dataDirectory, "files"))).toHaveLength(1);
  });

  it("refuses a second engine, in the same process too, until the first is closed", async () => {
    const first = await open();
    await expect(openLeanNotesApp({ dataDirectory })).rejects.toThrow("is in use by another backend");
    await first.close();
    await open();
  });

  it("answers a repeated request once, also while the first is running", async () => {
    const current = await open();
    const add = () => call(current, "notes:add", { author: "ann", text: "once" }, { requestKey: "session/1" });
    const [first, second] = await Promise.all([add(), add()]);
    const third = await add();
    expect(second).toMatchObject({ success: true, value: first.success && first.value });
    expect(third).toMatchObject({ success: true, value: first.success && first.value, ts: first.ts });
    expect(await valueOf(current, "notes:list", { author: "ann" })).toEqual(["once"]);
    // A failure has changed nothing, so it is tried again.
    const fail = () => call(current, "notes:addThenThrow", { author: "ann" }, { requestKey: "session/2" });
    expect(await fail()).toMatchObject({ success: false });
    expect(await fail()).toMatchObject({ success: false });
  });
});

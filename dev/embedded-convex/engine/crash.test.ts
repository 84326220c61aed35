/** What is left after a process was killed at any moment, or its disk was full. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { call, openLeanNotesApp, valueOf } from "./test-engine.js";
import type { EmbeddedEngine } from "./types.js";

const CHILD = fileURLToPath(new URL("./crash-child.ts", import.meta.url));
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
      }, 20_000);
      const [action, mutation] = reopened.readTable("", "_scheduled_functions", { limit: 10, order: "asc" });
      expect(action).toMatchObject({ state: { kind: "failed", error: expect.stringContaining("stopped") as string } });
      expect(mutation).toMatchObject({ state: { kind: "success" } });
      expect(
        reopened.readTable("", "events", { limit: 10, order: "asc" }).map((event) => (event as { kind: string }).kind),
      ).not.toContain("interrupted ends");
    },
  );

  it("runs every scheduled mutation exactly once", { timeout: 60_000 }, async () => {
    const acknowledged = (await runAndKill("jobs", 200)).length;
    const reopened = await open();
    await vi.waitFor(() => expect(reopened.diagnostics().pendingJobs).toBe(0), 30_000);
    const kinds = reopened
      .readTable("", "events", { limit: 10_000, order: "asc" })
      .map((event) => (event as { kind: string }).kind)
      .filter((kind) => kind.startsWith("job "));
    const jobs = reopened.readTable("", "_scheduled_functions", { limit: 10_000, order: "asc" });
    expect(jobs.every((job) => (job as { state: { kind: string } }).state.kind === "success")).toBe(true);
    expect(new Set(kinds).size).toBe(kinds.length);
    expect(kinds).toHaveLength(jobs.length);
    expect(jobs.length).toBeGreaterThanOrEqual(acknowledged);
  });

  it("does not leave the directory locked", { timeout: 60_000 }, async () => {
    const { child, printed } = startChild("idle");
    await vi.waitFor(() => expect(printed).toEqual(["open"]), 30_000);
    await expect(open()).rejects.toThrow(`is in use by another backend (process ${child.pid})`);
    child.kill("SIGKILL");
    await once(child, "close");
    await open();
  });
});

describe("a full disk", () => {
  it("fails the mutation that could not be saved, and changes nothing", { timeout: 60_000 }, async () => {
    // A limit on the size of files stands in for the disk; without the signal, writing fails as it does there.
    const program = [process.execPath, "--import", "tsx", CHILD, "full", dataDirectory].map((part) => `'${part}'`);
    const child = spawn("bash", ["-c", `trap '' XFSZ; ulimit -f 4000; exec ${program.join(" ")}`], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    children.add(child);
    const printed: string[] = [];
    createInterface({ input: child.stdout }).on("line", (line) => printed.push(line));
    await once(child, "close");
    const seen = JSON.parse(printed[0] ?? "null") as {
      acknowledged: number;
      kept: number;
      listed: number;
      errorMessage: string;
    };
    expect(seen.errorMessage).toContain("EFBIG");
    expect(seen.acknowledged).toBeGreaterThan(10);
    expect(seen).toMatchObject({ kept: seen.acknowledged, listed: seen.acknowledged });
    const reopened = await open();
    expect(reopened.readTable("", "notes", { limit: 1_000, order: "asc" })).toHaveLength(seen.acknowledged);
    await valueOf(reopened, "notes:add", { author: "ann", text: "there is room again" });
  });
});

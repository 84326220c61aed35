/** What an engine finds when it opens a directory again, and that two engines cannot share one. */
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { call, openLeanNotesApp, textOf, valueOf } from "./test-engine.js";
import type { EmbeddedEngine } from "./types.js";

let dataDirectory: string;
let engine: EmbeddedEngine | null = null;

beforeEach(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), "embedded-convex-test-"));
});
afterEach(async () => {
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
    await vi.waitFor(() => expect(runs()).toHaveLength(1), 20_000);
    await close();
    const reopened = await open();
    await valueOf(reopened, "jobs:events");
    expect(runs()).toHaveLength(1);
    reopened.advanceClock(6 * 60 * 60 * 1000);
    await vi.waitFor(() => expect(runs()).toHaveLength(2), 20_000);
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

  it("takes over the lock of a process whose number another process has now", async () => {
    const lock = { pid: process.pid, startedAt: "long ago", token: "theirs" };
    await writeFile(join(dataDirectory, "lock"), JSON.stringify(lock));
    await open();
    expect(await readFile(join(dataDirectory, "lock"), "utf8")).not.toContain("theirs");
    await close();
    await writeFile(join(dataDirectory, "lock"), "not even JSON");
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

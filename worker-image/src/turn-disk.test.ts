/** Turns whose storage or disk fails: what can be saved is, and what cannot is said. */
import { existsSync } from "node:fs";
import { readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT_DONE } from "./exit-codes.js";
import { testSystem, until, untilOver } from "./testing/test-worker.js";
import { runtimeWith } from "./testing/altered-echo.js";

describe.concurrent("storage that fails", () => {
  for (const fault of ["refuse", "cut", "corrupt", "lose_answer"] as const) {
    it(`uploads: ${fault} is tried again`, async ({ onTestFinished }) => {
      const { backend, storage, start } = await testSystem(onTestFinished);
      await start();
      storage.uploadFaults.push(fault);
      expect(await untilOver(backend.enqueue("c", "remember x"))).toMatchObject({ status: "done", attempts: 1 });
      expect(backend.uploads.get("snapshot-1")?.status).toBe("failed");
      expect(backend.pointers.get("c")?.snapshotId).toBe("snapshot-2");
    });
  }
  for (const fault of ["refuse", "cut", "corrupt", "gone"] as const) {
    it(`downloads: ${fault} is tried again`, async ({ onTestFinished }) => {
      const { backend, storage, start } = await testSystem(onTestFinished);
      const { dataDirectory } = await start();
      await untilOver(backend.enqueue("c", "remember x"));
      await rm(join(dataDirectory, "conversations"), { recursive: true });
      storage.downloadFaults.push(fault);
      const message = await untilOver(backend.enqueue("c", "list notes"));
      expect(message).toMatchObject({ status: "done", attempts: 1 });
      expect(message.reply).toContain("1. x");
    });
  }

  it("ends the turn with a clear error when a download stays wrong, and starts nothing", async ({ onTestFinished }) => {
    const { backend, storage, start } = await testSystem(onTestFinished);
    const { dataDirectory, file } = await start();
    await untilOver(backend.enqueue("c", "remember x"));
    await rm(join(dataDirectory, "conversations"), { recursive: true });
    for (let index = 0; index < 15; index++) storage.downloadFaults.push("corrupt");
    const message = backend.enqueue("c", "list notes");
    await until(() => message.error !== undefined);
    expect(message.error).toContain("its size or checksum differs");
    await expect(readFile(file("c", "notes.md"))).rejects.toThrow("ENOENT");
    storage.downloadFaults.length = 0;
    expect((await untilOver(message)).reply).toContain("1. x");
    expect((await readdir(join(dataDirectory, "tmp"))).filter((name) => name !== "conversations")).toEqual([]);
  });
});

describe.concurrent("a disk that fails", () => {
  it("fails the message with its kind, and the worker goes on when the disk does", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { dataDirectory } = await start();
    await untilOver(backend.enqueue("c", "remember one"));
    // Nothing can be packed any more.
    await rm(join(dataDirectory, "tmp"), { recursive: true });
    await writeFile(join(dataDirectory, "tmp"), "in the way");
    const failed = await untilOver(backend.enqueue("c", "remember two"));
    expect(failed).toMatchObject({ status: "failed", attempts: 5, errorKind: "unknown" });
    expect(failed.error).toMatch(/^The worker could not read or write its disk \(E\w+\)\.$/);
    await rm(join(dataDirectory, "tmp"));
    await untilOver(backend.enqueue("c", "remember three"));
    expect((await untilOver(backend.enqueue("c", "list notes"))).reply).toContain("1. one\n2. three\n");
  });

  it.runIf(existsSync("/dev/full"))(
    "that is full is told as such, and leaves no half turn",
    async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      let fullTurns = 2;
      await start({
        createRuntime: runtimeWith(async function* ({ workspaceDirectory }) {
          await writeFile(join(workspaceDirectory, "half"), "x");
          // Every byte to this device is one too many.
          if (fullTurns-- > 0) await writeFile("/dev/full", "x");
          yield { type: "text", text: (await readdir(workspaceDirectory)).join() };
          yield { type: "done" };
        }),
      });
      const over = await untilOver(backend.enqueue("c", "x"));
      expect(over).toMatchObject({ errorKind: "disk_full", error: "The disk of the worker is full." });
      expect(over).toMatchObject({ status: "done", attempts: 3, reply: "half" });
    },
  );

  const onFullDisk = runtimeWith(async function* () {
    await writeFile("/dev/full", "x");
    yield { type: "done" };
  });

  it.runIf(existsSync("/dev/full"))(
    "and stays so makes the worker leave, for another machine",
    async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      const { dataDirectory, connection, exit } = await start({ createRuntime: onFullDisk });
      await symlink("/dev/full", join(dataDirectory, "disk-probe"));
      const message = backend.enqueue("c", "x");
      expect(await exit).toBe(EXIT_DONE);
      expect(message).toMatchObject({ status: "queued", attempts: 1, errorKind: "disk_full" });
      expect(connection.callsOf("workerDrained")).toHaveLength(1);
    },
  );

  it.runIf(existsSync("/dev/full"))(
    "for turns only makes the worker leave after three of them",
    async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      const { connection, exit } = await start({ createRuntime: onFullDisk });
      const message = backend.enqueue("c", "x");
      expect(await exit).toBe(EXIT_DONE);
      expect(message).toMatchObject({ status: "queued", attempts: 3 });
      expect(connection.callsOf("workerDrained")).toHaveLength(1);
    },
  );
});

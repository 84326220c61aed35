/** Attachments on their way into the workspace and to the agent, whatever storage does. */
import { mkdir, readdir, readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Attachment } from "../../../src/shared/payload.js";
import { createLogger, SecretFilter } from "../logger.js";
import { echoWith } from "../testing/altered-echo.js";
import { FakeStorage } from "../testing/fake-storage.js";
import { temporaryDirectory } from "../testing/temporary.js";
import { testSystem, until, untilOver } from "../testing/test-worker.js";
import { fetchAttachments } from "./fetch.js";

async function setting(atEnd: (cleanUp: () => Promise<void>) => void) {
  const storage = new FakeStorage();
  await storage.start();
  atEnd(() => storage.stop());
  const workspaceDirectory = await temporaryDirectory(atEnd);
  const signal = new AbortController().signal;
  const logger = createLogger("silent", new SecretFilter());
  const fetchAll = (...attachments: Attachment[]) =>
    fetchAttachments(attachments, "m", { workspaceDirectory, signal, logger });
  const stored = (content: string, change: Partial<Attachment> = {}) => storedFile(storage, content, change);
  return { storage, workspaceDirectory, fetchAll, stored };
}

function storedFile(storage: FakeStorage, content: string, change: Partial<Attachment> = {}): Attachment {
  const storageId = storage.put(Buffer.from(content));
  const { sha256 = "", bytes } = storage.files.get(storageId) ?? { bytes: Buffer.from("") };
  return {
    kind: "document",
    status: "ready",
    storageId,
    fileName: `${storageId}.txt`,
    mimeType: "text/plain",
    sizeBytes: bytes.length,
    sha256,
    expiresAt: 0,
    downloadUrl: storage.downloadUrl(storageId),
    ...change,
  };
}

describe.concurrent("attachments", () => {
  it("come into the message's own folder, also when a try before has left them there", async ({ onTestFinished }) => {
    const { fetchAll, stored, workspaceDirectory } = await setting(onTestFinished);
    const files = [stored("one"), stored("three", { fileName: "file-1.txt" })];
    for (let tries = 0; tries < 2; tries++) {
      expect(await fetchAll(...files)).toEqual({
        attachments: [
          { path: "attachments/m/file-1.txt", kind: "document", mimeType: "text/plain", sizeBytes: 3 },
          { path: "attachments/m/file-1-2.txt", kind: "document", mimeType: "text/plain", sizeBytes: 5 },
        ],
        missing: [],
      });
      expect(await readFile(join(workspaceDirectory, "attachments/m/file-1-2.txt"), "utf8")).toBe("three");
    }
  });

  for (const fault of ["refuse", "cut", "corrupt"] as const) {
    it(`survive storage that fails for a moment (${fault})`, async ({ onTestFinished }) => {
      const { fetchAll, stored, storage, workspaceDirectory } = await setting(onTestFinished);
      storage.downloadFaults.push(fault);
      await fetchAll(stored("a longer content"));
      expect(storage.downloads).toBe(2);
      expect(await readFile(join(workspaceDirectory, "attachments/m/file-1.txt"), "utf8")).toBe("a longer content");
    });
  }

  it("that storage keeps refusing fail the turn, to be tried again", async ({ onTestFinished }) => {
    const { fetchAll, stored, storage, workspaceDirectory } = await setting(onTestFinished);
    storage.downloadFaults.push("corrupt", "corrupt", "corrupt");
    await expect(fetchAll(stored("content"))).rejects.toMatchObject({ name: "TurnFailed", kind: "unreachable" });
    expect(await readdir(join(workspaceDirectory, "attachments/m"))).toEqual([]);
  });

  it("that are gone or longer than they may be are named as such", async ({ onTestFinished }) => {
    const { fetchAll, stored, storage } = await setting(onTestFinished);
    storage.downloadFaults.push("gone");
    const fetched = await fetchAll(stored("x"), stored("y"));
    expect(fetched).toMatchObject({ attachments: [{ sizeBytes: 1 }], missing: [{ name: "file-1.txt" }] });
    expect(fetched.missing[0]?.why).toMatch(/expired/);
    const { sizeBytes: _, sha256: __, ...unknown } = stored("");
    const endless = { ...unknown, downloadUrl: storage.endlessUrl() };
    const { missing } = await fetchAll(endless);
    expect(missing[0]?.why).toMatch(/larger than 64 MB/);
  });

  it("are followed to where storage says they lie, but not round in circles", async ({ onTestFinished }) => {
    const { fetchAll, stored, storage, workspaceDirectory } = await setting(onTestFinished);
    const file = stored("elsewhere");
    await fetchAll({ ...file, downloadUrl: storage.redirectUrl(file.downloadUrl ?? "") });
    expect(await readFile(join(workspaceDirectory, "attachments/m/file-1.txt"), "utf8")).toBe("elsewhere");
    const circle = { ...file, downloadUrl: storage.redirectUrl(null) };
    await expect(fetchAll(circle)).rejects.toMatchObject({ kind: "unreachable", message: /status 302/ });
  });

  it("of a message that was canceled while they came are not there for the next one", async ({ onTestFinished }) => {
    const { backend, storage, start } = await testSystem(onTestFinished);
    const { file } = await start();
    await untilOver(backend.enqueue("c", "hello"));
    const endless = { ...storedFile(storage, ""), sizeBytes: 64 * 1024 * 1024, downloadUrl: storage.endlessUrl() };
    const message = backend.enqueue("c", "look", [storedFile(storage, "pixels"), endless]);
    await until(() => storage.downloads === 2);
    backend.revoke(message.messageId);
    expect(await untilOver(backend.enqueue("c", "hello"))).toMatchObject({ status: "done" });
    await expect(readdir(file("c", "attachments"))).rejects.toThrow("ENOENT");
  });

  it("never leave the workspace through a link that lies in their way", async ({ onTestFinished }) => {
    const { fetchAll, stored, workspaceDirectory } = await setting(onTestFinished);
    const outside = await temporaryDirectory(onTestFinished);
    await symlink(outside, join(workspaceDirectory, "attachments"));
    await fetchAll(stored("x"));
    expect(await readdir(outside)).toEqual([]);
    await mkdir(join(workspaceDirectory, "attachments/m/file-2.txt/x"), { recursive: true });
    await fetchAll(stored("y"));
    expect(await readFile(join(workspaceDirectory, "attachments/m/file-2.txt"), "utf8")).toBe("y");
  });

  it("reach the agent through a whole turn, and stay for the next", async ({ onTestFinished }) => {
    const { backend, storage, start } = await testSystem(onTestFinished);
    let told = "";
    const listening = echoWith((_, echo) => ({
      runTurn: (input) => {
        told = input.message;
        return echo.runTurn(input);
      },
    }));
    const { file, connection } = await start({ createRuntime: listening });
    const photo = storedFile(storage, "pixels", { kind: "photo", fileName: "sea.png", mimeType: "image/png" });
    const expired = storedFile(storage, "x", { fileName: "old.pdf", status: "expired" });
    const message = await untilOver(backend.enqueue("c", "look", [photo, expired]));
    expect(message.status).toBe("done");
    const path = /attachments\/\w+\/sea\.png/.exec(told)?.[0] ?? "";
    expect(await readFile(file("c", path), "utf8")).toBe("pixels");
    expect(told).toContain("old.pdf: not available, because it has expired");
    expect(connection.callsOf("workerPrepareSnapshotUpload")).toHaveLength(1);
    await untilOver(backend.enqueue("c", "and now"));
    expect(await readFile(file("c", path), "utf8")).toBe("pixels");
  });
});

/** File storage: from functions, from uploads, and what is left of files that are gone. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { call, openLeanNotesApp, textOf, valueOf } from "./test-engine.js";
import type { EmbeddedEngine, StoredFile } from "./types.js";

let engine: EmbeddedEngine;
beforeEach(async () => {
  engine = await openLeanNotesApp();
});
afterEach(async () => {
  await engine.close();
});

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield new TextEncoder().encode(part);
}

async function fileOf(id: string): Promise<StoredFile | null> {
  const url = await textOf(engine, "files:url", { id });
  return engine.storage.open(url.replace("http://cloud.test/api/storage/", ""));
}

describe("storage", () => {
  it("keeps what a client uploads, and describes it as Convex does", async () => {
    const stored = await engine.storage.store("", chunks("hello ", "world"), "text/plain");
    const sha256 = createHash("sha256").update("hello world").digest();
    expect(stored).toMatchObject({ contentType: "text/plain", size: 11, sha256Hex: sha256.toString("hex") });
    expect(await readFile(stored.path, "utf8")).toBe("hello world");
    expect(await fileOf(stored.storageId)).toEqual(stored);
    expect(await valueOf(engine, "files:metadata", { id: stored.storageId })).toEqual({
      _id: stored.storageId,
      _creationTime: expect.any(Number) as number,
      sha256: sha256.toString("base64"),
      size: 11,
      contentType: "text/plain",
    });
  });

  it("keeps what actions and mutations store", async () => {
    const fromAction = await textOf(engine, "files:storeInAction", { text: "from an action" });
    expect(await valueOf(engine, "files:readInAction", { id: fromAction })).toBe("from an action");
    expect(await fileOf(fromAction)).toMatchObject({ contentType: "text/plain" });
    const fromMutation = await textOf(engine, "files:storeInMutation", { text: "from a mutation", fail: false });
    expect(await readFile((await fileOf(fromMutation))!.path, "utf8")).toBe("from a mutation");
    expect(await valueOf(engine, "files:metadata", { id: fromMutation })).toMatchObject({ contentType: null });
  });

  it("leaves nothing of a deleted file, or of one whose mutation failed", async () => {
    const stored = await engine.storage.store("", chunks("x"), null);
    const uuid = stored.path.slice(dirname(stored.path).length + 1);
    expect(await call(engine, "files:storeInMutation", { text: "in vain", fail: true })).toMatchObject({
      success: false,
    });
    await valueOf(engine, "files:remove", { id: stored.storageId });
    expect(await valueOf(engine, "files:url", { id: stored.storageId })).toBeNull();
    expect(await valueOf(engine, "files:readInAction", { id: stored.storageId })).toBeNull();
    expect(engine.storage.open(uuid)).toBeNull();
    await vi.waitFor(async () => expect(await readdir(dirname(stored.path))).toEqual([]), { timeout: 20_000 });
    expect(existsSync(stored.path)).toBe(false);
  });

  it("does not let an action's file slip into another function's transaction", async () => {
    // The action stores its file while a mutation is open that will fail; each of these tries makes that more certain.
    const failure = call(engine, "jobs:slow", { turns: 1_000, fail: true });
    const ids = await Promise.all([1, 2, 3].map(() => textOf(engine, "files:storeInAction", { text: "apart" })));
    expect(await failure).toMatchObject({ success: false });
    const id = ids[0]!;
    expect(engine.readTable("", "_storage", { limit: 10, order: "asc" })).toHaveLength(3);
    expect(await valueOf(engine, "files:readInAction", { id })).toBe("apart");
  });

  it("accepts an upload token once, for an hour, and no other", async () => {
    const url = new URL(await textOf(engine, "files:uploadUrl"));
    expect(`${url.origin}${url.pathname}`).toBe("http://cloud.test/api/storage/upload");
    const token = url.searchParams.get("token")!;
    expect(engine.storage.checkUploadToken(`${token}x`)).toBeNull();
    expect(engine.storage.checkUploadToken("nonsense")).toBeNull();
    expect(engine.storage.checkUploadToken("a.b")).toBeNull();
    expect(engine.storage.checkUploadToken(token)).toEqual({ componentPath: "" });
    expect(engine.storage.checkUploadToken(token)).toBeNull();
    const late = new URL(await textOf(engine, "files:uploadUrl")).searchParams.get("token")!;
    engine.advanceClock(60 * 60 * 1000);
    expect(engine.storage.checkUploadToken(late)).toBeNull();
  });

  it("removes a half-read upload", async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(10);
      throw new Error("connection lost");
    }
    const stored = await engine.storage.store("", chunks("kept"), null);
    await expect(engine.storage.store("", broken(), null)).rejects.toThrow("connection lost");
    expect(await readdir(dirname(stored.path))).toHaveLength(1);
  });
});

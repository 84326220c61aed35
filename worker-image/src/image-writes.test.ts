/**
 * The bundle on a root that it may not write to, as the image runs: Node itself refuses every write but those below the data
 * folder, and the removal of the credential.
 */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EXIT_DONE, EXIT_MISCONFIGURED } from "./exit-codes.js";
import { startSystem, useBundle } from "./testing/bundled-worker.js";
import { untilOver } from "./testing/test-worker.js";

const bundle = useBundle();

/** Node reads everything and writes below `folders` only; it starts no other program either. */
function mayOnlyWriteTo(...folders: string[]): Record<string, string> {
  const permission = Number(process.versions.node.split(".")[0]) < 22 ? "--experimental-permission" : "--permission";
  // One form for a folder and what is in it: two of them make Node 20 fall over.
  const writes = folders.map((folder) => `--allow-fs-write=${folder}*`);
  return { NODE_OPTIONS: [permission, "--allow-fs-read=*", ...writes].join(" "), NODE_NO_WARNINGS: "1" };
}

describe("on a root that cannot be written to", { timeout: 60_000 }, () => {
  it("a worker enrolls, fetches a file, answers, saves a snapshot and leaves", async (context) => {
    const { backend, storage, root, start } = await startSystem(bundle(), context.onTestFinished);
    const { child, exit, stderr } = await start(mayOnlyWriteTo(join(root, "data"), join(root, "run/agent-factory")));
    const content = Buffer.from("The door opens with 4711.\n");
    const storageId = storage.put(content);
    const attachment = {
      kind: "document",
      status: "ready",
      storageId,
      fileName: "door.txt",
      mimeType: "text/plain",
      sizeBytes: content.length,
      sha256: createHash("sha256").update(content).digest("hex"),
      expiresAt: 0,
      downloadUrl: storage.downloadUrl(storageId),
    } as const;
    const message = await untilOver(backend.enqueue("c", "remember the cat", [attachment]));
    expect(message).toMatchObject({ status: "done", attempts: 1 });
    expect(message.reply).toContain("I keep 1 note now.");
    expect(storage.files.size).toBeGreaterThan(1);
    expect(await readdir(join(root, "run/agent-factory"))).toEqual([]);
    child.kill("SIGTERM");
    expect(await exit).toEqual({ code: EXIT_DONE, signal: null });
    expect(stderr()).toBe("");
    expect((await readdir(root)).sort()).toEqual(["data", "run"]);
  });

  it("a worker whose data folder is a part of it says so and ends", async (context) => {
    const { root, start } = await startSystem(bundle(), context.onTestFinished);
    const { exit, stderr } = await start(mayOnlyWriteTo(join(root, "elsewhere")));
    expect(await exit).toEqual({ code: EXIT_MISCONFIGURED, signal: null });
    expect(stderr()).toMatch(/^agent-factory worker: .*cannot be written[^\n]*\n$/);
  });
});

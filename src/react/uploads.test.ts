import { describe, expect, it } from "vitest";
import { MAX_ATTACHMENTS } from "../shared/payload.js";
import { afterUploadEvent, filesToStart, readyAttachments, type PendingFile, type UploadEvent } from "./uploads.js";

const fileOf = (size = 3, name = "a.txt", type = "text/plain") => {
  const file = new File(["x"], name, { type });
  Object.defineProperty(file, "size", { value: size });
  return file;
};
const run = (...events: UploadEvent[]) => events.reduce<readonly PendingFile[]>(afterUploadEvent, []);
const added = (...ids: string[]): UploadEvent => ({ type: "added", files: ids.map((id) => ({ id, file: fileOf() })) });
const states = (files: readonly PendingFile[]) => files.map(({ id, state }) => `${id} ${state}`);

describe("the files of a message that is being written", () => {
  it("are uploaded a few at a time, and can be sent once they are there", () => {
    const waiting = run(added("a", "b", "c", "d"));
    expect(filesToStart(waiting).map(({ id }) => id)).toEqual(["a", "b", "c"]);
    const files = [
      { type: "started", id: "a" } as const,
      { type: "opened", id: "a", uploadId: "u" } as const,
      { type: "progressed", id: "a", progress: 1.5 } as const,
    ].reduce<readonly PendingFile[]>(afterUploadEvent, waiting);
    expect(files[0]).toMatchObject({ state: "uploading", uploadId: "u", progress: 1 });
    expect(filesToStart(files).map(({ id }) => id)).toEqual(["b", "c"]);
    expect(readyAttachments(files)).toEqual([]);
    const stored = afterUploadEvent(files, { type: "stored", id: "a", storageId: "s" });
    expect(readyAttachments(stored)).toEqual([{ storageId: "s", fileName: "a.txt" }]);
    const nameless = run({ type: "added", files: [{ id: "n", file: fileOf(1, "") }] });
    expect(readyAttachments(afterUploadEvent(nameless, { type: "stored", id: "n", storageId: "s" }))).toEqual([
      { storageId: "s" },
    ]);
  });

  it("can be removed, tried again, and put back when their message was refused", () => {
    const failed = run(
      added("a", "b"),
      { type: "started", id: "a" },
      { type: "failed", id: "a", error: new Error("x") },
    );
    expect(failed[0]).toMatchObject({ state: "failed", canRetry: true });
    const again = afterUploadEvent(failed, { type: "retried", id: "a" });
    expect(again[0]).toMatchObject({ state: "waiting", error: null, uploadId: null });
    expect(states(afterUploadEvent(again, { type: "removed", id: "b" }))).toEqual(["a waiting"]);
    const taken = afterUploadEvent(again, { type: "taken", ids: ["a"] });
    expect(states(taken)).toEqual(["b waiting"]);
    expect(states(afterUploadEvent(taken, { type: "restored", files: again.slice(0, 1) }))).toEqual([
      "a waiting",
      "b waiting",
    ]);
    // What is heard of a file that was removed meanwhile changes nothing.
    expect(states(afterUploadEvent(taken, { type: "stored", id: "a", storageId: "s" }))).toEqual(["b waiting"]);
  });

  it("are not uploaded when the server would refuse them, and say why", () => {
    const reason = (file: File, before: UploadEvent[] = []) => {
      const last = run(...before, { type: "added", files: [{ id: "x", file }] }).at(-1);
      return last?.state === "failed" && !last.canRetry ? String(last.error) : last?.state;
    };
    expect(reason(fileOf(0))).toMatch(/empty/);
    expect(reason(fileOf(64 * 1024 * 1024))).toBe("waiting");
    expect(reason(fileOf(64 * 1024 * 1024 + 1))).toMatch(/larger than 64 MB/);
    expect(reason(fileOf(3, "setup.exe", ""))).toMatch(/Programs/);
    const large: UploadEvent = {
      type: "added",
      files: ["l", "m"].map((id) => ({ id, file: fileOf(64 * 1024 * 1024) })),
    };
    expect(reason(fileOf(1), [large])).toMatch(/128 MB together/);
    const many = added(...Array.from({ length: MAX_ATTACHMENTS }, (_, index) => String(index)));
    expect(reason(fileOf(), [many])).toMatch(/at most 16 files/);
    // One that failed takes no place.
    expect(reason(fileOf(), [many, { type: "failed", id: "0", error: null }])).toBe("waiting");
  });
});

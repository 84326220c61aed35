/** Files that an agent hands over, from its outbox to the answer, whatever call or upload is lost. */
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { MAX_REPLY_FILE_BYTES, MAX_REPLY_FILES } from "../../../src/shared/worker-protocol.js";
import { echoWith } from "../testing/altered-echo.js";
import { testSystem, untilOver } from "../testing/test-worker.js";

/** The echo runtime, which puts files into its outbox first, once for each message. */
const writing = (files: Record<string, string>) =>
  echoWith(({ workspaceDirectory }, echo) => ({
    async *runTurn(input) {
      const outbox = join(workspaceDirectory, "outbox");
      await mkdir(outbox, { recursive: true });
      if (input.message === "write") {
        for (const [name, content] of Object.entries(files)) await writeFile(join(outbox, name), content);
      }
      yield* echo.runTurn(input);
    },
  }));

describe.concurrent("files in the outbox", () => {
  it("go with the answer, once, and stay with the agent", async ({ onTestFinished }) => {
    const { backend, storage, start } = await testSystem(onTestFinished);
    const files = { "b.pdf": "%PDF", "a.csv": "1,2", ".hidden": "x", "data.xyz": "?" };
    const { file } = await start({ createRuntime: writing(files) });
    const message = await untilOver(backend.enqueue("c", "write"));
    expect(message).toMatchObject({ status: "done", attempts: 1 });
    expect(message.files.map(({ fileName, mimeType }) => [fileName, mimeType])).toEqual([
      ["a.csv", "text/csv"],
      ["b.pdf", "application/pdf"],
      ["data.xyz", null],
    ]);
    expect(storage.files.get(message.files[0]?.storageId ?? "")?.bytes.toString()).toBe("1,2");
    expect(await readdir(file("c", "outbox"))).toEqual([".hidden"]);
    expect((await readdir(file("c", "sent"))).sort()).toEqual(["a.csv", "b.pdf", "data.xyz"]);
    expect((await untilOver(backend.enqueue("c", "hello"))).files).toEqual([]);
  });

  for (const call of ["workerGenerateMediaUploadUrl", "workerAddReplyFile"] as const) {
    for (const fault of ["before", "after", "failure"] as const) {
      it(`are handed over once when ${call} is lost (${fault})`, async ({ onTestFinished }) => {
        const { backend, start } = await testSystem(onTestFinished);
        const { connection } = await start({ createRuntime: writing({ "a.txt": "a" }) });
        connection.fault = ({ name }, earlier) => (name === call && earlier === 0 ? fault : undefined);
        const message = await untilOver(backend.enqueue("c", "write"));
        expect(message).toMatchObject({ status: "done", attempts: 1, files: [{ fileName: "a.txt" }] });
        expect(message.files).toHaveLength(1);
      });
    }
  }

  it("survive storage that fails for a moment, and fail the turn when it keeps failing", async ({ onTestFinished }) => {
    const { backend, storage, start } = await testSystem(onTestFinished);
    await start({ createRuntime: writing({ "a.txt": "a" }) });
    storage.uploadFaults.push("refuse");
    expect(await untilOver(backend.enqueue("c", "write"))).toMatchObject({ status: "done", files: [{}] });
    storage.uploadFaults.push(...Array.from({ length: 15 }, () => "refuse" as const));
    expect(await untilOver(backend.enqueue("d", "write"))).toMatchObject({
      status: "failed",
      errorKind: "unreachable",
      error: "A file of the answer could not be handed over. Storage refused the upload with status 500.",
    });
  });

  it("that are too many or too large stay behind, and the answer says so", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const many = Object.fromEntries(Array.from({ length: MAX_REPLY_FILES }, (_, n) => [`f${n}`, "x"]));
    const files = { ...many, "large.bin": "x".repeat(MAX_REPLY_FILE_BYTES + 1), "z.txt": "x" };
    await start({ createRuntime: writing(files) });
    const message = await untilOver(backend.enqueue("c", "write"));
    expect(message.files).toHaveLength(MAX_REPLY_FILES);
    expect(message.reply).toContain("[large.bin could not be handed over, because it is larger than 20 MB.]");
    expect(message.reply).toContain("[z.txt could not be handed over, because an answer has at most 10 files.]");
    expect(message.streamed).toBe(message.reply);
  });
});

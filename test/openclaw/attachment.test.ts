/** A file that came with a message, in the hands of OpenClaw: a whole worker against a backend in the test's process. */
import { createHash } from "node:crypto";
import { expect, it, vi } from "vitest";
import { configureRuntime } from "../../worker-image/src/runtimes/registry.js";
import { ModelStub } from "../../worker-image/src/testing/model-stub.js";
import { testSystem } from "../../worker-image/src/testing/test-worker.js";
import { openClawEnvironment } from "./direct.js";
import { modelScript } from "./model.js";

const PATIENCE_MS = 200_000;
const CONTENT = "The door opens with 4711.\n";

it("an attachment lies in the workspace, and OpenClaw reads it where the message says it is", async ({
  onTestFinished,
}) => {
  const stub = await ModelStub.start(onTestFinished, modelScript);
  const { backend, storage, start, log } = await testSystem(onTestFinished);
  // The product's own limit: a gateway that starts on a busy computer takes most of the minute that tests usually have.
  backend.runTimeoutMs = 15 * 60_000;
  const { exit, worker } = await start({
    createRuntime: configureRuntime("openclaw", await openClawEnvironment(stub)),
  });
  const storageId = storage.put(Buffer.from(CONTENT));
  const message = backend.enqueue("c", "Please read attached file", [
    {
      kind: "document",
      status: "ready",
      storageId,
      fileName: "door.txt",
      mimeType: "text/plain",
      sizeBytes: CONTENT.length,
      sha256: createHash("sha256").update(CONTENT).digest("hex"),
      expiresAt: 0,
      downloadUrl: storage.downloadUrl(storageId),
    },
  ]);
  // What the worker has logged is the only witness of a turn that does not end.
  const isOver = () => expect(message.status, log.join("")).toMatch(/done|failed/);
  await vi.waitFor(isOver, { timeout: PATIENCE_MS, interval: 200 });
  expect(message.status, log.join("")).toBe("done");
  expect(message.reply).toContain("opens with 4711");
  worker.shutDown();
  expect(await exit).toBe(0);
});

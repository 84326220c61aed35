/** Files that came with a message, in the hands of OpenClaw: a whole worker against a backend in the test's process. */
import { createHash } from "node:crypto";
import { expect, it, vi } from "vitest";
import { configureRuntime } from "../../worker-image/src/runtimes/registry.js";
import { ModelStub } from "../../worker-image/src/testing/model-stub.js";
import { testSystem } from "../../worker-image/src/testing/test-worker.js";
import { openClawEnvironment } from "./direct.js";
import { modelScript } from "./model.js";

const PATIENCE_MS = 200_000;
/** One pixel. */
const PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const CONTENT = "The door opens with 4711.\n";

it("attachments lie in the workspace where the message says they are, and a picture is shown to the model", async ({
  onTestFinished,
}) => {
  const stub = await ModelStub.start(onTestFinished, modelScript);
  const { backend, storage, start, log } = await testSystem(onTestFinished);
  // The product's own limit: a gateway that starts on a busy computer takes most of the minute that tests usually have.
  backend.runTimeoutMs = 15 * 60_000;
  const { exit, worker } = await start({
    createRuntime: configureRuntime("openclaw", await openClawEnvironment(stub)),
  });
  const attach = (content: Buffer, kind: "document" | "photo", fileName: string, mimeType: string) => {
    const storageId = storage.put(content);
    const sha256 = createHash("sha256").update(content).digest("hex");
    const file = { kind, status: "ready" as const, storageId, fileName, mimeType, sizeBytes: content.length, sha256 };
    return { ...file, expiresAt: 0, downloadUrl: storage.downloadUrl(storageId) };
  };
  const message = backend.enqueue("c", "Please read attached file", [
    attach(Buffer.from(CONTENT), "document", "door.txt", "text/plain"),
    attach(Buffer.from(PICTURE, "base64"), "photo", "door.png", "image/png"),
  ]);
  // What the worker has logged is the only witness of a turn that does not end.
  const isOver = () => expect(message.status, log.join("")).toMatch(/done|failed/);
  await vi.waitFor(isOver, { timeout: PATIENCE_MS, interval: 200 });
  expect(message.status, log.join("")).toBe("done");
  expect(message.reply).toContain("opens with 4711");
  const asked = stub.requests[0]?.messages.map(({ content }) => content).join("\n");
  expect(asked).toMatch(/attachments\/\S+\/door\.png \(photo, image\/png, \d+ bytes\)/);
  expect(asked?.match(/\[image_url\]/g)).toHaveLength(1);
  worker.shutDown();
  expect(await exit).toBe(0);
});

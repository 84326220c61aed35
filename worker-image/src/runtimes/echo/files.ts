/** Files in the hands of the echo runtime: it looks at what came with a message, and hands files over when asked. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { copyFile, mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { TurnAttachment } from "../runtime.js";

/** Below the workspace: what lies here after a turn is sent with the answer. */
const OUTBOX_FOLDER = "outbox";

export type SeenFile = {
  /** Below the workspace. */
  path: string;
  name: string;
  mimeType: string | null;
  sizeBytes: number;
  sha256: string;
};

/** Reads every file to its end; what is said of them is what lies there. */
export async function lookAt(workspace: string, attachments: readonly TurnAttachment[]): Promise<SeenFile[]> {
  const seen: SeenFile[] = [];
  for (const { path, mimeType } of attachments) {
    const hash = createHash("sha256");
    let sizeBytes = 0;
    for await (const part of createReadStream(join(workspace, path))) {
      if (!Buffer.isBuffer(part)) throw new Error("A file was read as text.");
      hash.update(part);
      sizeBytes += part.length;
    }
    seen.push({ path, name: basename(path), mimeType, sizeBytes, sha256: hash.digest("hex") });
  }
  return seen;
}

/** Puts copies of files of the workspace where they are sent with the answer. */
export async function handOver(workspace: string, files: readonly Pick<SeenFile, "path" | "name">[]): Promise<void> {
  const outbox = join(workspace, OUTBOX_FOLDER);
  await mkdir(outbox, { recursive: true });
  for (const { path, name } of files) await copyFile(join(workspace, path), join(outbox, name));
}

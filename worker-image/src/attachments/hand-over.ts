/** Hands the files over that an agent has put into its outbox: uploads them and makes them a part of the running turn. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Claim } from "../../../src/shared/worker-protocol.js";
import { MAX_REPLY_FILE_BYTES, MAX_REPLY_FILES } from "../../../src/shared/worker-protocol.js";
import type { CallPolicy, WorkerSession } from "../backend/session.js";
import { isDenied, removeTree } from "../locked-folders.js";
import { errorMessage, type Logger } from "../logger.js";
import { makeRealFolder } from "../real-folder.js";
import { jitteredBackoffMs, sleep } from "../timing.js";
import { TurnFailed } from "../turn-failure.js";
import { wellFormed } from "../well-formed.js";
import { TransferFailed, uploadFile } from "../workspaces/transfer.js";
import type { MissingAttachment } from "./describe.js";
import { mediaTypeOf } from "./media-types.js";
import { megabytes } from "./plan.js";

/** Both below the workspace. What has been handed over stays with the agent, out of the way. */
const OUTBOX_FOLDER = "outbox";
const SENT_FOLDER = "sent";

/** Of what is left behind; of more, the number is enough. */
const MAX_NAMED_LEFT = 20;

const MAX_UPLOADS = 3;
const RETRY = { baseMs: 500, factor: 3, capMs: 5_000, jitter: 0.25 };

type HandOver = {
  session: WorkerSession;
  lease: Pick<Claim, "messageId" | "leaseId" | "generation">;
  workspaceDirectory: string;
  policy: CallPolicy & { signal: AbortSignal };
  logger: Logger;
};

/**
 * Returns what was left behind, with the reason.
 *
 * @throws TurnFailed when storage keeps failing, a `ConvexError` (`lease_lost` among them), or disk errors
 */
export async function handOverFiles(handOver: HandOver): Promise<MissingAttachment[]> {
  const { workspaceDirectory, logger } = handOver;
  const outbox = join(workspaceDirectory, OUTBOX_FOLDER);
  const isFolder = (await lstat(outbox).catch(() => null))?.isDirectory() === true;
  // Hidden files are an editor's or a program's own.
  const names = isFolder ? (await readdir(outbox)).filter((name) => !name.startsWith(".")).sort() : [];
  const left: MissingAttachment[] = [];
  let handedOver = 0;
  for (const name of names) {
    const file = join(outbox, name);
    const found = await lstat(file).catch(() => null);
    if (found?.isFile() === false) continue;
    const problem = problemWith(name, found?.size ?? null, handedOver);
    const content = problem === null ? await contentOf(file) : null;
    if (content === null) {
      left.push({ name: wellFormed(name), why: problem ?? "it cannot be read" });
      continue;
    }
    await upload(handOver, file, name, content);
    await moveToSent(workspaceDirectory, file, name);
    handedOver++;
  }
  const more = left.splice(MAX_NAMED_LEFT).length;
  if (more > 0) left.push({ name: `${more} more`, why: `an answer has at most ${MAX_REPLY_FILES} files` });
  for (const { why } of left) logger.warn({ why }, "A file was not handed over.");
  return left;
}

/** Why a file stays behind, as the end of a sentence. `sizeBytes` is `null` when nothing can be found under the name. */
function problemWith(name: string, sizeBytes: number | null, handedOver: number): string | null {
  // A name that is no UTF-8 comes with replacement characters, and the file cannot be opened under it.
  if (sizeBytes === null || name.trim() === "") return "its name cannot be sent";
  if (sizeBytes > MAX_REPLY_FILE_BYTES) return `it is larger than ${megabytes(MAX_REPLY_FILE_BYTES)}`;
  return handedOver < MAX_REPLY_FILES ? null : `an answer has at most ${MAX_REPLY_FILES} files`;
}

type Content = { sha256: string; sizeBytes: number };

async function upload(
  { session, lease, policy }: HandOver,
  file: string,
  fileName: string,
  { sha256, sizeBytes }: Content,
): Promise<void> {
  const mimeType = mediaTypeOf(fileName);
  for (let attempt = 1; ; attempt++) {
    const { uploadUrl } = await session.mutate(
      "workerGenerateMediaUploadUrl",
      (credentials) => ({ ...credentials, ...lease }),
      policy,
    );
    try {
      const sent = { file, sizeBytes, mimeType: mimeType ?? "application/octet-stream" };
      const storageId = await uploadFile(sent, uploadUrl, policy.signal);
      const about = { storageId, fileName, sizeBytes, sha256, ...(mimeType !== null && { mimeType }) };
      await session.mutate("workerAddReplyFile", (credentials) => ({ ...credentials, ...lease, ...about }), policy);
      return;
    } catch (error) {
      if (!(error instanceof TransferFailed) || policy.signal.aborted) throw error;
      if (attempt >= MAX_UPLOADS) {
        throw new TurnFailed(`A file of the answer could not be handed over. ${errorMessage(error)}`, "unreachable");
      }
      await sleep(jitteredBackoffMs(RETRY, attempt), policy.signal);
    }
  }
}

/** What a file holds, or `null` when the agent has left no right to read it. @throws disk errors */
async function contentOf(file: string): Promise<Content | null> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  try {
    for await (const part of createReadStream(file)) {
      if (!Buffer.isBuffer(part)) continue;
      hash.update(part);
      sizeBytes += part.length;
    }
  } catch (error) {
    if (isDenied(error)) return null;
    throw error;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}

async function moveToSent(workspaceDirectory: string, file: string, name: string): Promise<void> {
  const folder = join(workspaceDirectory, SENT_FOLDER);
  await makeRealFolder(folder);
  await removeTree(join(folder, name));
  await rename(file, join(folder, name));
}

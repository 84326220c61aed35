/** Hands the files over that an agent has put into its outbox: uploads them and makes them a part of the running turn. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Claim } from "../../../src/shared/worker-protocol.js";
import { MAX_REPLY_FILE_BYTES, MAX_REPLY_FILES } from "../../../src/shared/worker-protocol.js";
import type { CallPolicy, WorkerSession } from "../backend/session.js";
import { removeTree } from "../locked-folders.js";
import { errorMessage, type Logger } from "../logger.js";
import { jitteredBackoffMs, sleep } from "../timing.js";
import { TurnFailed } from "../turn-failure.js";
import { TransferFailed, uploadFile } from "../workspaces/transfer.js";
import type { MissingAttachment } from "./describe.js";
import { mediaTypeOf } from "./media-types.js";
import { megabytes } from "./plan.js";

/** Both below the workspace. What has been handed over stays with the agent, out of the way. */
const OUTBOX_FOLDER = "outbox";
const SENT_FOLDER = "sent";

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
    const found = await lstat(file);
    if (!found.isFile()) continue;
    const why =
      found.size > MAX_REPLY_FILE_BYTES
        ? `it is larger than ${megabytes(MAX_REPLY_FILE_BYTES)}`
        : handedOver >= MAX_REPLY_FILES
          ? `an answer has at most ${MAX_REPLY_FILES} files`
          : null;
    if (why !== null) {
      logger.warn({ why }, "A file was not handed over.");
      left.push({ name, why });
      continue;
    }
    await upload(handOver, file, name, found.size);
    await moveToSent(workspaceDirectory, file, name);
    handedOver++;
  }
  return left;
}

async function upload(
  { session, lease, policy }: HandOver,
  file: string,
  fileName: string,
  sizeBytes: number,
): Promise<void> {
  const sha256 = await digestOf(file);
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

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const part of createReadStream(file)) if (Buffer.isBuffer(part)) hash.update(part);
  return hash.digest("hex");
}

async function moveToSent(workspaceDirectory: string, file: string, name: string): Promise<void> {
  const folder = join(workspaceDirectory, SENT_FOLDER);
  const found = await lstat(folder).catch(() => null);
  // Whatever else the agent has put there must not lead out of the workspace.
  if (found !== null && !found.isDirectory()) await rm(folder);
  await mkdir(folder, { recursive: true });
  await removeTree(join(folder, name));
  await rename(file, join(folder, name));
}

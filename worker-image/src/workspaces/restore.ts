/** Brings a snapshot from storage into a conversation's folder. */
import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { SnapshotForRestore } from "../../../src/shared/worker-protocol.js";
import { errorMessage, type Logger } from "../logger.js";
import { extractArchive } from "../snapshots/extract.js";
import { jitteredBackoffMs, sleep } from "../timing.js";
import { downloadFile, TransferFailed } from "./transfer.js";

const MAX_DOWNLOADS = 3;
const RETRY = { baseMs: 500, factor: 3, capMs: 5_000, jitter: 0.25 };

/**
 * Downloads `snapshot`, checks it and puts its content in the place of `root`, all or nothing.
 *
 * @param refresh asked for the snapshot again when storage says that the file is not there: URLs age
 * @throws TransferFailed, ArchiveRejected, or disk errors
 */
export async function restoreSnapshot(
  snapshot: SnapshotForRestore,
  root: string,
  {
    temporaryDirectory,
    refresh,
    logger,
    signal,
  }: {
    temporaryDirectory: string;
    refresh: () => Promise<SnapshotForRestore | null>;
    logger: Logger;
    signal: AbortSignal;
  },
): Promise<void> {
  await mkdir(temporaryDirectory, { recursive: true });
  const file = join(temporaryDirectory, `restore-${randomBytes(8).toString("hex")}.tar.gz`);
  let source = snapshot;
  for (let attempt = 1; ; attempt++) {
    try {
      const { sha256, sizeBytes } = source;
      await downloadFile(source.downloadUrl, file, { sha256, sizeBytes, maxBytes: sizeBytes }, signal);
      break;
    } catch (error) {
      if (!(error instanceof TransferFailed) || attempt >= MAX_DOWNLOADS || signal.aborted) throw error;
      logger.warn(
        { snapshotId: snapshot.snapshotId, attempt, reason: errorMessage(error) },
        "Cannot fetch the snapshot yet.",
      );
      await sleep(jitteredBackoffMs(RETRY, attempt), signal);
      if (error.problem === "gone") {
        const fresh = await refresh();
        // A different one would belong to a turn after this one; what was asked for is what counts.
        if (fresh?.snapshotId === snapshot.snapshotId) source = fresh;
      }
    }
  }
  try {
    await extractArchive(file, root);
  } finally {
    await rm(file, { force: true });
  }
}

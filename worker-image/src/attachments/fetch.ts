/** Brings a message's attachments into the workspace, checked and bounded; what cannot be had is named, not fatal. */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Attachment } from "../../../src/shared/payload.js";
import { removeTree } from "../locked-folders.js";
import { errorMessage, type Logger } from "../logger.js";
import { makeRealFolder } from "../real-folder.js";
import type { TurnAttachment } from "../runtimes/runtime.js";
import { jitteredBackoffMs, sleep } from "../timing.js";
import { TurnFailed } from "../turn-failure.js";
import { downloadFile, TransferFailed } from "../workspaces/transfer.js";
import type { MissingAttachment } from "./describe.js";
import { megabytes, planAttachments, type PlannedAttachment } from "./plan.js";

/** Storage may hiccup; after this many tries the turn fails and is tried again as a whole. */
const MAX_DOWNLOADS = 3;
const RETRY = { baseMs: 500, factor: 3, capMs: 5_000, jitter: 0.25 };

export type FetchedAttachments = { attachments: TurnAttachment[]; missing: MissingAttachment[] };

/**
 * @param messageKey names the message's folder below `attachments/`
 * @throws TurnFailed when storage keeps failing; disk errors
 */
export async function fetchAttachments(
  attachments: readonly Attachment[],
  messageKey: string,
  { workspaceDirectory, signal, logger }: { workspaceDirectory: string; signal: AbortSignal; logger: Logger },
): Promise<FetchedAttachments> {
  const fetched: FetchedAttachments = { attachments: [], missing: [] };
  for (const planned of planAttachments(attachments, messageKey)) {
    const { attachment, name } = planned;
    const why = planned.decision === "leave" ? planned.why : await download(planned, { workspaceDirectory, signal });
    if (why !== null) {
      logger.warn({ kind: attachment.kind, why }, "An attachment is not there.");
      fetched.missing.push({ name, why });
    } else if (planned.decision === "fetch") {
      const { size } = await stat(join(workspaceDirectory, planned.path));
      const { kind, mimeType = null } = attachment;
      fetched.attachments.push({ path: planned.path, kind, mimeType, sizeBytes: size });
    }
  }
  return fetched;
}

/** The agent may have put anything in their place, a link out of the workspace for one. */
async function makeFolders(workspaceDirectory: string, parts: readonly string[]): Promise<void> {
  let folder = workspaceDirectory;
  for (const part of parts) {
    folder = join(folder, part);
    await makeRealFolder(folder);
  }
}

/** Returns why the file cannot be had, or `null` when it is there. */
async function download(
  { attachment, path, url, maxBytes }: Extract<PlannedAttachment, { decision: "fetch" }>,
  { workspaceDirectory, signal }: { workspaceDirectory: string; signal: AbortSignal },
): Promise<string | null> {
  const target = join(workspaceDirectory, path);
  await makeFolders(workspaceDirectory, dirname(path).split("/"));
  await removeTree(target);
  const expected = { sha256: attachment.sha256 ?? null, sizeBytes: attachment.sizeBytes ?? null, maxBytes };
  for (let attempt = 1; ; attempt++) {
    try {
      await downloadFile(url, target, expected, signal);
      return null;
    } catch (error) {
      if (!(error instanceof TransferFailed) || signal.aborted) throw error;
      if (error.problem === "gone") return "it has expired and is no longer stored";
      if (error.problem === "too_long") return `it is larger than ${megabytes(maxBytes)}`;
      if (attempt >= MAX_DOWNLOADS) {
        throw new TurnFailed(`A file of the message could not be fetched. ${errorMessage(error)}`, "unreachable");
      }
      await sleep(jitteredBackoffMs(RETRY, attempt), signal);
    }
  }
}

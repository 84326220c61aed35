/** The files beside a message that is being written: which of them are on their way, there, or refused. Pure. */
import { isTakenAs, MAX_ATTACHMENT_BYTES, MAX_MESSAGE_ATTACHMENT_BYTES } from "../shared/attachments.js";
import { agentFactoryError } from "../shared/errors.js";
import { MAX_ATTACHMENTS, type UploadedFile } from "../shared/payload.js";

export type PendingFile = {
  /** Names it on this page. */
  id: string;
  file: File;
  /** `waiting` for a place, `uploading`, `ready` to be sent, or `failed`. */
  state: "waiting" | "uploading" | "ready" | "failed";
  /** How much of it has been sent, from 0 to 1. */
  progress: number;
  /** Why it failed: an error of this package, whose message is for people, or what the connection threw. */
  error: unknown;
  /** False when it would fail again: it is too large, empty, or not taken. */
  canRetry: boolean;
  uploadId: string | null;
  storageId: string | null;
};

/** Uploads at a time: storage gives each two minutes, and more of them would only share the line. */
const MAX_AT_A_TIME = 3;

export type UploadEvent =
  | { type: "added"; files: readonly { id: string; file: File }[] }
  | { type: "started" | "removed" | "retried"; id: string }
  | { type: "opened"; id: string; uploadId: string }
  | { type: "progressed"; id: string; progress: number }
  | { type: "stored"; id: string; storageId: string }
  | { type: "failed"; id: string; error: unknown }
  /** Taken for a message; `restored` puts them back when it was refused. */
  | { type: "taken"; ids: readonly string[] }
  | { type: "restored"; files: readonly PendingFile[] };

export function afterUploadEvent(files: readonly PendingFile[], event: UploadEvent): readonly PendingFile[] {
  const change = (id: string, fields: Partial<PendingFile>) =>
    files.map((file) => (file.id === id ? { ...file, ...fields } : file));
  switch (event.type) {
    case "added":
      return event.files.reduce(withAdded, files);
    case "started":
      return change(event.id, { state: "uploading" });
    case "opened":
      return change(event.id, { uploadId: event.uploadId });
    case "progressed":
      return change(event.id, { progress: Math.min(1, Math.max(0, event.progress)) });
    case "stored":
      return change(event.id, { state: "ready", progress: 1, storageId: event.storageId });
    case "failed":
      return change(event.id, { state: "failed", error: event.error, canRetry: true });
    case "retried":
      return change(event.id, { state: "waiting", progress: 0, error: null, uploadId: null, storageId: null });
    case "removed":
      return files.filter(({ id }) => id !== event.id);
    case "taken":
      return files.filter(({ id }) => !event.ids.includes(id));
    case "restored":
      return [...event.files, ...files];
  }
}

function withAdded(files: readonly PendingFile[], { id, file }: { id: string; file: File }): readonly PendingFile[] {
  const error = objectionTo(file, files);
  const state = error === null ? "waiting" : "failed";
  return [...files, { id, file, state, progress: 0, error, canRetry: false, uploadId: null, storageId: null }];
}

/** What the server would refuse is not uploaded first. */
function objectionTo(file: File, others: readonly PendingFile[]): unknown {
  const objection = (why: string) => agentFactoryError("upload_rejected", why);
  if (file.size === 0) return objection("This file is empty.");
  if (file.size > MAX_ATTACHMENT_BYTES) return objection("This file is larger than 64 MB.");
  if (!isTakenAs("document", file.type === "" ? null : file.type, file.name)) {
    return objection("Programs are not taken.");
  }
  const counted = others.filter(({ state }) => state !== "failed");
  if (counted.length >= MAX_ATTACHMENTS) return objection(`A message takes at most ${MAX_ATTACHMENTS} files.`);
  const total = counted.reduce((sum, other) => sum + other.file.size, file.size);
  if (total > MAX_MESSAGE_ATTACHMENT_BYTES) return objection("The files of one message have at most 128 MB together.");
  return null;
}

/** Those whose turn it is to be uploaded. */
export function filesToStart(files: readonly PendingFile[]): PendingFile[] {
  const uploading = files.filter(({ state }) => state === "uploading").length;
  return files.filter(({ state }) => state === "waiting").slice(0, Math.max(0, MAX_AT_A_TIME - uploading));
}

/** What `send` takes of those that are there. */
export function readyAttachments(files: readonly PendingFile[]): UploadedFile[] {
  return files.flatMap(({ file, storageId, state }) =>
    state === "ready" && storageId !== null
      ? [{ storageId, ...(file.name.trim() === "" ? {} : { fileName: file.name }) }]
      : [],
  );
}

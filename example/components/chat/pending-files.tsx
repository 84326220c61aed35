"use client";
/** The files beside the message that is being written: on their way, there, or refused, each with what one can do about it. */
import type { PendingFile, UseUploads } from "convex-agent-factory/react";
import { describeError } from "../../lib/describe-error";
import { describeFile } from "../../lib/files";
import { CheckIcon, CrossIcon, FileIcon, PictureIcon } from "../ui/icons";
import { QuietButton } from "../ui/quiet-button";

/** `onRemoved`: the button that was pressed is gone, and the keyboard's focus wants another place. */
export function PendingFiles({ uploads, onRemoved }: { uploads: UseUploads; onRemoved: () => void }) {
  if (uploads.files.length === 0) return null;
  return (
    <ul aria-label="Files to send" className="mb-2 flex max-h-44 flex-wrap gap-2 overflow-y-auto">
      {uploads.files.map((pending) => (
        <li key={pending.id} className="appear w-60 max-w-full">
          <Pending
            pending={pending}
            onRemove={() => {
              uploads.remove(pending.id);
              onRemoved();
            }}
            onRetry={() => uploads.retry(pending.id)}
          />
        </li>
      ))}
    </ul>
  );
}

function Pending({ pending, onRemove, onRetry }: { pending: PendingFile; onRemove: () => void; onRetry: () => void }) {
  const { file, state, progress, error, canRetry } = pending;
  const name = file.name === "" ? "File" : file.name;
  const hasFailed = state === "failed";
  const isOnItsWay = state === "waiting" || state === "uploading";
  const Icon = file.type.startsWith("image/") ? PictureIcon : FileIcon;
  return (
    <div
      data-testid="pending-file"
      data-state={state}
      className={`relative flex items-center gap-2.5 overflow-hidden rounded-xl border py-2 pr-1.5 pl-2.5 ${
        hasFailed ? "border-transparent bg-bad-wash" : "border-line bg-raised"
      }`}
    >
      <Icon className={`size-4 ${hasFailed ? "text-bad" : "text-ink-soft"}`} />
      <div className="min-w-0 flex-1">
        <p className="truncate text-[13px] font-medium" title={name}>
          {name}
        </p>
        <p
          className={`text-xs ${hasFailed ? "text-bad" : "truncate text-ink-faint"}`}
          role={hasFailed ? "alert" : undefined}
        >
          {hasFailed
            ? describeError(error)
            : describeFile({ fileName: name, mimeType: file.type, sizeBytes: file.size })}
          {hasFailed && canRetry && <QuietButton onClick={onRetry}>Try again</QuietButton>}
        </p>
      </div>
      {state === "ready" && (
        <>
          <CheckIcon className="size-3.5 text-good" />
          <span className="sr-only">uploaded</span>
        </>
      )}
      <button
        type="button"
        aria-label={`Remove ${name}`}
        className="grid size-7 shrink-0 place-items-center rounded-lg text-ink-faint transition hover:bg-surface hover:text-ink"
        onClick={onRemove}
      >
        <CrossIcon className="size-3.5" />
      </button>
      {isOnItsWay && (
        <progress
          aria-label={`Uploading ${name}`}
          className="upload-progress absolute inset-x-0 bottom-0 h-0.5 w-full"
          max={1}
          value={progress}
        />
      )}
    </div>
  );
}

"use client";
/** Where one writes: Enter sends, Shift+Enter starts a new line, and a text that is too long is never sent. */
import type { SendOptions, UseUploads } from "convex-agent-factory/react";
import { useImperativeHandle, useRef, useState, type ClipboardEvent, type KeyboardEvent, type Ref } from "react";
import { formatBytes } from "../../lib/format";
import { measureMessage } from "../../lib/message-size";
import { ArrowUpIcon, CrossIcon } from "../ui/icons";
import { AttachButton } from "./attach-button";
import { PendingFiles } from "./pending-files";

export interface ComposerHandle {
  /** Puts a text in as if it had been typed, ready to be changed or sent. */
  propose(text: string): void;
}

export function Composer({
  ref,
  onSend,
  uploads,
  problem,
  onDismissProblem,
}: {
  ref: Ref<ComposerHandle>;
  onSend: (content: string, options: SendOptions) => Promise<boolean>;
  uploads: UseUploads;
  problem: string | null;
  onDismissProblem: () => void;
}) {
  const [text, setText] = useState("");
  const field = useRef<HTMLTextAreaElement>(null);
  useImperativeHandle(ref, () => ({
    propose: (proposal) => {
      setText(proposal);
      field.current?.focus();
    },
  }));

  const focusField = () => field.current?.focus();

  const size = measureMessage(text);
  const isUploading = uploads.files.some(({ state }) => state === "waiting" || state === "uploading");
  const isSomething = text.trim() !== "" || uploads.files.some(({ state }) => state === "ready");
  const canSend = isSomething && !isUploading && size.level !== "over";

  async function submit(): Promise<void> {
    if (!canSend) return;
    const content = text.trim();
    setText("");
    const { attachments, restore } = uploads.take();
    const wasSent = await onSend(content, attachments.length === 0 ? {} : { attachments });
    if (wasSent) return;
    // What was refused is given back; a text not if its writer has begun another.
    restore();
    setText((current) => (current === "" ? content : current));
  }

  function handleKey(event: KeyboardEvent): void {
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    // A touch keyboard has no Shift+Enter; there, the button sends.
    if (window.matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    void submit();
  }

  function handlePaste(event: ClipboardEvent): void {
    const { files, types } = event.clipboardData;
    // Office programs copy a picture of the text beside it.
    if (files.length === 0 || types.includes("text/plain")) return;
    event.preventDefault();
    uploads.add(files);
  }

  return (
    <form
      className="mx-auto w-full max-w-3xl px-4 pb-4 sm:px-5"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      {problem !== null && (
        <div
          role="alert"
          className="appear mb-2 flex items-start gap-3 rounded-xl bg-bad-wash px-4 py-2.5 text-[13px] text-bad"
        >
          <p className="min-w-0 flex-1 wrap-anywhere">{problem}</p>
          <button type="button" aria-label="Dismiss" className="mt-0.5 rounded" onClick={onDismissProblem}>
            <CrossIcon className="size-4" />
          </button>
        </div>
      )}
      <div className="rounded-2xl border border-line-strong bg-surface p-2 shadow-raised transition focus-within:border-ink-faint">
        <PendingFiles uploads={uploads} onRemoved={focusField} />
        <div className="flex items-end gap-2">
          <AttachButton
            onChoose={(files) => {
              uploads.add(files);
              focusField();
            }}
          />
          <textarea
            ref={field}
            value={text}
            rows={1}
            aria-label="Message to your agent"
            aria-describedby="composer-hint"
            aria-invalid={size.level === "over"}
            placeholder="Write to your agent…"
            className="unkerned field-sizing-content max-h-52 min-h-9 flex-1 resize-none bg-transparent py-1.5 text-[15px] leading-6 outline-none placeholder:text-ink-faint"
            onChange={(event) => setText(event.target.value)}
            onKeyDown={handleKey}
            onPaste={handlePaste}
          />
          <button
            type="submit"
            aria-label="Send"
            disabled={!canSend}
            className="grid size-9 shrink-0 place-items-center rounded-xl bg-ink text-canvas transition hover:opacity-85 disabled:bg-raised disabled:text-ink-faint disabled:opacity-100"
          >
            <ArrowUpIcon className="size-4" />
          </button>
        </div>
      </div>
      <p id="composer-hint" className="mt-2 flex justify-between gap-4 px-1 text-xs text-ink-faint">
        {isUploading ? (
          <span role="status">Uploading; the message can be sent when all files are there</span>
        ) : (
          <span className="pointer-coarse:hidden">Enter sends, Shift+Enter starts a new line</span>
        )}
        {size.level !== "fine" && (
          <span role="status" className={size.level === "over" ? "font-medium text-bad" : "text-wait"}>
            {formatBytes(size.bytes)} of {formatBytes(size.maxBytes)}
            {size.level === "over" && ": too long for one message. Shorten it or send it in parts."}
          </span>
        )}
      </p>
    </form>
  );
}

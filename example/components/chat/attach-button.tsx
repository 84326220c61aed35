"use client";
/** Opens the browser's choice of files. */
import { useRef } from "react";
import { PaperclipIcon } from "../ui/icons";

export function AttachButton({ onChoose }: { onChoose: (files: FileList) => void }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button
        type="button"
        aria-label="Attach files"
        title="Attach files"
        className="grid size-9 shrink-0 place-items-center rounded-xl text-ink-faint transition hover:bg-raised hover:text-ink"
        onClick={() => input.current?.click()}
      >
        <PaperclipIcon className="size-4.5" />
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        data-testid="file-input"
        onChange={({ target }) => {
          if (target.files !== null) onChoose(target.files);
          // The same file may be chosen again after it was removed.
          target.value = "";
        }}
      />
    </>
  );
}

"use client";
/** Files of a message: each a card that downloads it, with a look at it where it is a picture. */
import { useState, type MouseEvent } from "react";
import { describeFile, isPicture, nameOf, type ShownFile } from "../../lib/files";
import { DownloadIcon, FileIcon, PictureIcon } from "../ui/icons";
import { saveFile } from "./save-file";

export function FileCards({ files, align }: { files: readonly ShownFile[]; align: "left" | "right" }) {
  if (files.length === 0) return null;
  return (
    <ul
      aria-label={files.length === 1 ? "File" : "Files"}
      className={`flex flex-wrap gap-2 ${align === "right" ? "mb-2 justify-end" : "mt-3"}`}
    >
      {files.map((file, index) => (
        <li key={index} className="w-64 max-w-full">
          <FileCard file={file} />
        </li>
      ))}
    </ul>
  );
}

function FileCard({ file }: { file: ShownFile }) {
  const { downloadUrl, mimeType } = file;
  const frame = "overflow-hidden rounded-xl border border-line bg-surface text-left";
  if (downloadUrl === null) {
    return (
      <div className={`${frame} border-dashed text-ink-faint`}>
        <FileLine file={file} />
      </div>
    );
  }
  const save = (event: MouseEvent) => {
    // Whoever wants it in a tab of its own gets that.
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    void saveFile(downloadUrl, nameOf(file));
  };
  return (
    <div className={`${frame} transition hover:border-line-strong`}>
      {isPicture(mimeType) && <Preview url={downloadUrl} name={nameOf(file)} />}
      <a
        href={downloadUrl}
        target="_blank"
        rel="noreferrer noopener"
        aria-label={`Download ${nameOf(file)}`}
        title={nameOf(file)}
        className="group block rounded-xl -outline-offset-2"
        onClick={save}
      >
        <FileLine file={file} />
      </a>
    </div>
  );
}

function FileLine({ file }: { file: ShownFile }) {
  const Icon = file.mimeType?.startsWith("image/") === true ? PictureIcon : FileIcon;
  const about = describeFile(file);
  return (
    <span className="flex items-center gap-3 px-3 py-2.5">
      <span className="grid size-9 shrink-0 place-items-center rounded-lg bg-raised text-ink-soft">
        <Icon className="size-4.5" />
      </span>
      <span className="min-w-0 flex-1">
        <span className="block truncate text-[13px] font-medium">{nameOf(file)}</span>
        {about !== "" && <span className="block truncate text-xs text-ink-faint">{about}</span>}
      </span>
      {file.downloadUrl !== null && <DownloadIcon className="size-4 text-ink-faint transition group-hover:text-ink" />}
    </span>
  );
}

/** Of a fixed height, so that nothing moves when it has come. */
function Preview({ url, name }: { url: string; name: string }) {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) return null;
  return (
    <a
      href={url}
      target="_blank"
      rel="noreferrer noopener"
      aria-label={`Open ${name}`}
      className="block rounded-t-xl border-b border-line bg-raised -outline-offset-2"
    >
      <img src={url} alt="" className="h-40 w-full object-cover" onError={() => setBroken(true)} />
    </a>
  );
}

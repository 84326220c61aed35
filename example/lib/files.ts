/** How a file is told to people: what it is in a word, and whether a page may show it. Pure. */
import { formatBytes } from "./format";

/** A file of the conversation, whoever it came from. */
export interface ShownFile {
  fileName: string | null;
  mimeType: string | null;
  sizeBytes: number | null;
  /** `null` when it is no longer stored. */
  downloadUrl: string | null;
}

/** Pictures that every browser draws and that can hold nothing but a picture. */
const PICTURES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"]);

export function isPicture(mimeType: string | null): boolean {
  return PICTURES.has(mimeType ?? "");
}

export function nameOf({ fileName, mimeType }: Pick<ShownFile, "fileName" | "mimeType">): string {
  return fileName ?? (mimeType?.startsWith("image/") === true ? "Picture" : "File");
}

/** `"PDF · 1.2 MB"`: by the extension of its name, or by its type. */
export function describeFile({ fileName, mimeType, sizeBytes }: Omit<ShownFile, "downloadUrl">): string {
  const extension = /\.([a-z0-9]{1,5})$/i.exec(fileName ?? "")?.[1];
  const subtype = /\/([a-z0-9]{1,5})$/.exec(mimeType ?? "")?.[1];
  const size = sizeBytes === null ? null : formatBytes(sizeBytes);
  return [(extension ?? subtype)?.toUpperCase(), size].filter((part) => part != null).join(" · ");
}

/** As screen readers are told of an answer that is nothing but files, or has some. */
export function spokenFiles(files: readonly Pick<ShownFile, "fileName" | "mimeType">[]): string {
  return files.length === 0 ? "" : `Your agent sent: ${files.map(nameOf).join(", ")}.`;
}

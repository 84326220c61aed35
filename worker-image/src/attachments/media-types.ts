/** The commonest types of files and the extensions that go with them. Pure. */

const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ["image/jpeg", "jpg"],
  ["image/png", "png"],
  ["image/gif", "gif"],
  ["image/webp", "webp"],
  ["image/svg+xml", "svg"],
  ["video/mp4", "mp4"],
  ["audio/mpeg", "mp3"],
  ["audio/ogg", "ogg"],
  ["audio/mp4", "m4a"],
  ["application/pdf", "pdf"],
  ["text/plain", "txt"],
  ["text/csv", "csv"],
  ["text/markdown", "md"],
  ["application/json", "json"],
  ["application/zip", "zip"],
]);

export const extensionOf = (mediaType: string | null): string | null => EXTENSIONS.get(mediaType ?? "") ?? null;

/** By the name's extension; `null` for what is not common. */
export function mediaTypeOf(fileName: string): string | null {
  const extension = /\.([^.]+)$/
    .exec(fileName)?.[1]
    ?.toLowerCase()
    .replace(/^jpeg$/, "jpg");
  return [...EXTENSIONS].find(([, known]) => known === extension)?.[0] ?? null;
}

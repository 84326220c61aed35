/** The typed error of an archive that is not safe or not whole, and how an entry's name may appear in it. */

/** Why an archive was refused, as a stable name a program can branch on. */
export type ArchiveRejection =
  | "malformed"
  | "truncated"
  | "unsupported_entry"
  | "name_empty"
  | "name_invalid"
  | "name_too_long"
  | "absolute_path"
  | "path_traversal"
  | "too_deep"
  | "too_many_entries"
  | "too_many_bytes"
  | "metadata_too_large"
  | "too_slow"
  | "duplicate_entry"
  | "parent_not_directory"
  | "link_escape"
  | "link_loop"
  | "hardlink_invalid";

/** Thrown when an archive is refused. The target folder is then exactly what it was before. */
export class ArchiveRejected extends Error {
  override readonly name = "ArchiveRejected";

  constructor(
    readonly reason: ArchiveRejection,
    message: string,
    /** The entry at fault, escaped for display. */
    readonly entry?: string,
  ) {
    super(message);
  }
}

/** Names are data from a stranger: 200 characters say enough, and control characters could repaint a terminal. */
const DISPLAYED_CHARACTERS = 200;

/** A name made safe for logs and messages: quoted, control characters escaped, shortened. */
export function displayName(name: string): string {
  const shown = name.length > DISPLAYED_CHARACTERS ? `${name.slice(0, DISPLAYED_CHARACTERS)}...` : name;
  return JSON.stringify(shown).replace(
    /[\u007f-\u009f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

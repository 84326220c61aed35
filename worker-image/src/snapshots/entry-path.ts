/** Turns the name of an archive entry into a path below the root, or refuses it. Pure. */
import { ArchiveRejected, displayName } from "./archive-rejected.js";
import type { ArchiveLimits } from "./limits.js";

/**
 * The parts of a safe relative path: no empty part, no `.` or `..`. The root itself is `[]`.
 *
 * Names that another system would read as a way out (`..\x`, `C:\x`) are refused too: an archive may travel.
 *
 * @throws ArchiveRejected
 */
export function parseEntryPath(
  name: string,
  limits: Pick<ArchiveLimits, "maxDepth" | "maxPathBytes" | "maxNameBytes">,
): string[] {
  const refuse = (reason: ArchiveRejected["reason"], what: string) =>
    new ArchiveRejected(reason, `The entry ${displayName(name)} ${what}.`, displayName(name));

  if (name === "") throw refuse("name_empty", "has no name");
  if (name.includes("\0")) throw refuse("name_invalid", "has a zero byte in its name");
  if (/^[/\\]/.test(name) || /^[A-Za-z]:[/\\]/.test(name)) throw refuse("absolute_path", "has an absolute path");
  if (name.split(/[/\\]/).includes("..")) throw refuse("path_traversal", "leads out of the folder");
  if (Buffer.byteLength(name) > limits.maxPathBytes) {
    throw refuse("name_too_long", `has a path of more than ${limits.maxPathBytes} bytes`);
  }

  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.length > limits.maxDepth) throw refuse("too_deep", `lies more than ${limits.maxDepth} folders deep`);
  if (parts.some((part) => Buffer.byteLength(part) > limits.maxNameBytes)) {
    throw refuse("name_too_long", `has a name of more than ${limits.maxNameBytes} bytes`);
  }
  return parts;
}

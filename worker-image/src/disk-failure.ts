/** Tells a disk that takes nothing more from other errors, by the system's own codes. Pure. */

/** Whoever asks and whatever is asked: none of these gets better by asking for something else. */
const PROBLEMS: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", "The disk of the worker is full."],
  ["EDQUOT", "The disk of the worker is full."],
  ["EFBIG", "The disk of the worker takes no file this large."],
  ["EROFS", "The disk of the worker cannot be written to."],
  ["EIO", "The disk of the worker is broken."],
]);

/** The code of a failed system call, like `ENOENT`; not those of Node itself (`ERR_...`), which tell of a defect. */
export function systemCode(error: unknown): string | null {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : null;
}

/** A sentence for the user when the disk is why, or `null`. */
export const diskProblem = (error: unknown): string | null => PROBLEMS.get(systemCode(error) ?? "") ?? null;

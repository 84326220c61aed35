/** The `Range` header of a request for a file. Pure. */

export interface ByteRange {
  start: number;
  /** The last byte, inclusive. */
  end: number;
}

/**
 * @returns the range that is asked for; null for the whole file (no header, or one in a form that may be ignored: other units,
 * several ranges, nonsense); "unsatisfiable" when it lies behind the end.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | null | "unsatisfiable" {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header?.trim() ?? "");
  if (match === null) return null;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return null;
  if (first === "") {
    const length = Math.min(Number(last), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size - 1 };
  }
  const start = Number(first);
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== "" && Number(last) < start) return null;
  return start >= size ? "unsatisfiable" : { start, end };
}

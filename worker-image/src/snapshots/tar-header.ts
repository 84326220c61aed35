/** Reads one 512-byte tar header and the records of an extended one, strictly: what two readers could take differently is refused. Pure. */
import { ArchiveRejected } from "./archive-rejected.js";

export const BLOCK_BYTES = 512;

/** One header as it stands in the archive, before any extended header has had its say. */
export type TarHeader = {
  name: string;
  linkTarget: string;
  mode: number;
  sizeBytes: number;
  /** Seconds since 1970. */
  mtimeSeconds: number;
  /** The type letter, e.g. `"0"` for a file. */
  type: string;
};

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const malformed = (what: string) => new ArchiveRejected("malformed", `The archive is damaged: ${what}.`);

/** Decodes bytes as UTF-8; anything else could become a different name on another machine. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new ArchiveRejected("name_invalid", "The archive holds a name that is not valid UTF-8.");
  }
}

/** A zero-padded text field. Bytes behind the first zero would be seen by some readers only. */
function textField(block: Uint8Array, offset: number, length: number): string {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  if (end === -1) return decodeName(field);
  if (field.subarray(end).some((byte) => byte !== 0)) {
    throw new ArchiveRejected("name_invalid", "The archive holds a name with a zero byte in it.");
  }
  return decodeName(field.subarray(0, end));
}

function numberField(block: Uint8Array, offset: number, length: number, label: string): number {
  const field = block.subarray(offset, offset + length);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) {
    // The base-256 form: big-endian, two's complement. All leading bytes but the flag must be zero to be a safe positive integer.
    let value = BigInt(first & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    if ((first & 0x40) !== 0 || value > BigInt(Number.MAX_SAFE_INTEGER))
      throw malformed(`its ${label} is out of range`);
    return Number(value);
  }
  const text = String.fromCharCode(...field);
  const match = /^ *([0-7]*)[ \0]*$/.exec(text);
  if (match === null) throw malformed(`its ${label} is not a number`);
  return match[1] === undefined || match[1] === "" ? 0 : Number.parseInt(match[1], 8);
}

function hasValidChecksum(block: Uint8Array): boolean {
  let sum = 0;
  for (let index = 0; index < BLOCK_BYTES; index++) {
    sum += index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
  }
  return sum === numberField(block, 148, 8, "checksum");
}

/**
 * Parses one header block that is not all zeros.
 *
 * @throws ArchiveRejected
 */
export function parseTarHeader(block: Uint8Array): TarHeader {
  const magic = String.fromCharCode(...block.subarray(257, 265));
  const isPosix = magic === "ustar\x0000";
  const isGnu = magic === "ustar  \0";
  if (!isPosix && !isGnu) throw malformed("a header is not that of a tar archive");
  if (!hasValidChecksum(block)) throw malformed("the checksum of a header does not match");

  const name = textField(block, 0, 100);
  // GNU archives keep other things where POSIX ones keep the front part of a long name.
  const prefix = isPosix ? textField(block, 345, 155) : "";
  const type = block[156] ?? 0;
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    linkTarget: textField(block, 157, 100),
    mode: numberField(block, 100, 8, "mode"),
    sizeBytes: numberField(block, 124, 12, "size"),
    mtimeSeconds: numberField(block, 136, 12, "time"),
    type: type === 0 ? "0" : String.fromCharCode(type),
  };
}

/**
 * Parses the records (`"<length> <key>=<value>\n"`) of a POSIX extended header.
 *
 * @throws ArchiveRejected
 */
export function parseExtendedHeader(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  let offset = 0;
  while (offset < bytes.length) {
    const space = bytes.indexOf(0x20, offset);
    const digits = space === -1 || space - offset > 10 ? "" : String.fromCharCode(...bytes.subarray(offset, space));
    if (!/^[1-9][0-9]*$/.test(digits)) throw malformed("an extended header has no length");
    const end = offset + Number(digits);
    if (end > bytes.length || end <= space + 1 || bytes[end - 1] !== 0x0a) {
      throw malformed("an extended header has a wrong length");
    }
    const record = decodeName(bytes.subarray(space + 1, end - 1));
    const equals = record.indexOf("=");
    if (equals <= 0) throw malformed("an extended header has no key");
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1);
    if (key.startsWith("GNU.sparse.")) {
      throw new ArchiveRejected("unsupported_entry", "The archive holds a sparse file, which is not supported.");
    }
    if (value.includes("\0")) throw new ArchiveRejected("name_invalid", "An extended header has a zero byte in it.");
    records.set(key, value);
    offset = end;
  }
  return records;
}

/** The `size` of an extended header, which overrules the plain one. */
export function parseExtendedSize(value: string): number {
  const size = /^(?:0|[1-9][0-9]*)$/.test(value) ? Number(value) : Number.NaN;
  if (!Number.isSafeInteger(size)) throw malformed("an extended header has an impossible size");
  return size;
}

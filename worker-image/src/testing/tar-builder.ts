/** Builds tar archives byte by byte, wrong ones included, for tests of the reader. */

const BLOCK = 512;

export type TarPart = {
  name: string;
  type?: string;
  mode?: number;
  linkTarget?: string;
  content?: string | Buffer;
  /** What the header claims, when that is not the length of the content. */
  size?: number;
};

export function tarPart({ name, type = "0", mode = 0o644, linkTarget = "", content = "", size }: TarPart): Buffer {
  const body = Buffer.from(content);
  const header = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number) =>
    header.write(value.toString(8).padStart(digits, "0"), offset, "latin1");
  header.write(name, 0, 100, "utf8");
  octal(mode, 100, 7);
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size ?? body.length, 124, 11);
  octal(1_700_000_000, 136, 11);
  header.write(type, 156, "latin1");
  header.write(linkTarget, 157, 100, "utf8");
  header.write("ustar\x0000", 257, "latin1");
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return Buffer.concat([header, body, Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK)]);
}

/** One record of an extended header, with the length it needs. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes;
  while (bytes + String(length).length !== length) length = bytes + String(length).length;
  return `${length}${rest}`;
}

export function tar(...parts: (TarPart | Buffer)[]): Buffer {
  const blocks = parts.map((part) => (Buffer.isBuffer(part) ? part : tarPart(part)));
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

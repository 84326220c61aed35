/** Timestamps as the protocol writes them: base64 of an unsigned 64-bit integer, little endian. Pure. */

const MAX_TIMESTAMP = 2n ** 64n - 1n;

export function encodeTimestamp(ts: bigint): string {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(ts < 0n ? 0n : ts > MAX_TIMESTAMP ? MAX_TIMESTAMP : ts);
  return bytes.toString("base64");
}

/** null for what is no timestamp. */
export function decodeTimestamp(encoded: string | null): bigint | null {
  if (encoded === null) return null;
  const bytes = Buffer.from(encoded, "base64");
  return bytes.byteLength === 8 ? bytes.readBigUInt64LE() : null;
}

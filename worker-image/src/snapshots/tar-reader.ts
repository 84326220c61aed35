/** Walks a tar stream entry by entry, holding one header in memory at a time and refusing everything out of the ordinary. */
import { ArchiveRejected, displayName } from "./archive-rejected.js";
import { ByteReader, truncated } from "./byte-reader.js";
import type { ArchiveLimits } from "./limits.js";
import {
  BLOCK_BYTES,
  decodeName,
  parseExtendedHeader,
  parseExtendedSize,
  parseTarHeader,
  type TarHeader,
} from "./tar-header.js";

export type TarEntry = {
  kind: "file" | "directory" | "symlink" | "hardlink";
  name: string;
  linkTarget: string;
  mode: number;
  mtimeSeconds: number;
  sizeBytes: number;
  /** The file's bytes. Must be read, or left alone entirely, before the next entry is asked for. */
  body: AsyncIterable<Uint8Array>;
};

const KINDS: Readonly<Record<string, TarEntry["kind"]>> = {
  "0": "file",
  "1": "hardlink",
  "2": "symlink",
  "5": "directory",
  "7": "file",
};

/** What extended headers say about the next entry. */
type Overrides = { name?: string; linkTarget?: string; sizeBytes?: number };

const padding = (size: number) => (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
const isZero = (block: Uint8Array) => block.every((byte) => byte === 0);

/**
 * Yields the entries of the (already decompressed) archive in `chunks`.
 *
 * @throws ArchiveRejected for damaged archives, special files, oversized metadata and anything behind the end mark.
 */
export async function* readTar(chunks: AsyncIterable<Uint8Array>, limits: ArchiveLimits): AsyncGenerator<TarEntry> {
  const reader = new ByteReader(chunks, limits.maxTotalBytes);
  let overrides: Overrides = {};
  let headers = 0;

  for (;;) {
    const block = await reader.readExactly(BLOCK_BYTES);
    if (block === null) throw truncated();
    if (isZero(block)) {
      await expectEnd(reader);
      return;
    }
    // Extended headers count too: an archive made of nothing else must not run for ever.
    if (++headers > 2 * limits.maxEntries) throw tooManyEntries(limits);

    const header = parseTarHeader(block);
    if ("xgLK".includes(header.type)) {
      overrides = { ...overrides, ...(await readOverrides(reader, header, limits)) };
      continue;
    }
    const entry = applyOverrides(header, overrides);
    overrides = {};

    let unread = entry.sizeBytes;
    const body = async function* () {
      while (unread > 0) {
        const part = await reader.readSome(unread);
        if (part === null) throw truncated();
        unread -= part.length;
        yield part;
      }
    };
    yield { ...entry, body: { [Symbol.asyncIterator]: body } };
    await reader.skip(unread + padding(entry.sizeBytes));
  }
}

export const tooManyEntries = (limits: Pick<ArchiveLimits, "maxEntries">) =>
  new ArchiveRejected("too_many_entries", `The archive holds more than ${limits.maxEntries} entries.`);

async function expectEnd(reader: ByteReader): Promise<void> {
  for (let part = await reader.readSome(BLOCK_BYTES); part !== null; part = await reader.readSome(BLOCK_BYTES)) {
    // A second archive behind the first would be read by some programs and not by others.
    if (!isZero(part)) throw new ArchiveRejected("malformed", "The archive is damaged: there is data behind its end.");
  }
}

async function readOverrides(reader: ByteReader, header: TarHeader, limits: ArchiveLimits): Promise<Overrides> {
  if (header.sizeBytes > limits.maxMetadataBytes) {
    throw new ArchiveRejected(
      "metadata_too_large",
      `An extended header has ${header.sizeBytes} bytes; at most ${limits.maxMetadataBytes} are accepted.`,
    );
  }
  const bytes = await reader.readExactly(header.sizeBytes);
  if (bytes === null && header.sizeBytes > 0) throw truncated();
  await reader.skip(padding(header.sizeBytes));
  const content = bytes ?? new Uint8Array(0);

  if (header.type === "L" || header.type === "K") {
    // GNU writers end a long name with one zero byte.
    const text = decodeName(content.at(-1) === 0 ? content.subarray(0, -1) : content);
    return header.type === "L" ? { name: text } : { linkTarget: text };
  }
  const records = parseExtendedHeader(content);
  const [name, linkTarget, size] = [records.get("path"), records.get("linkpath"), records.get("size")];
  if (header.type === "g") {
    if (name !== undefined || linkTarget !== undefined || size !== undefined) {
      throw new ArchiveRejected(
        "malformed",
        "The archive gives all its entries one name or size, which makes no sense.",
      );
    }
    return {};
  }
  return {
    ...(name !== undefined && { name }),
    ...(linkTarget !== undefined && { linkTarget }),
    ...(size !== undefined && { sizeBytes: parseExtendedSize(size) }),
  };
}

function applyOverrides(header: TarHeader, overrides: Overrides): Omit<TarEntry, "body"> {
  const name = overrides.name ?? header.name;
  const kind = KINDS[header.type];
  if (kind === undefined) {
    throw new ArchiveRejected(
      "unsupported_entry",
      `The entry ${displayName(name)} is neither a file nor a folder nor a link.`,
      displayName(name),
    );
  }
  const sizeBytes = overrides.sizeBytes ?? header.sizeBytes;
  if (kind !== "file" && sizeBytes !== 0) {
    throw new ArchiveRejected("malformed", `The archive is damaged: ${displayName(name)} must not have content.`);
  }
  if (kind === "file" && name.endsWith("/")) {
    throw new ArchiveRejected(
      "malformed",
      `The archive is damaged: the file ${displayName(name)} is named like a folder.`,
    );
  }
  return {
    kind,
    name,
    linkTarget: overrides.linkTarget ?? header.linkTarget,
    mode: header.mode,
    mtimeSeconds: header.mtimeSeconds,
    sizeBytes,
  };
}

/** How large a snapshot may be in each direction. Packing and extracting share these, so that what was saved can be restored. */
import { MAX_SNAPSHOT_BYTES } from "../../../src/shared/worker-protocol.js";

export type ArchiveLimits = {
  /** Bytes of the compressed archive. */
  maxArchiveBytes: number;
  /** Bytes of the archive after decompression, headers included. */
  maxTotalBytes: number;
  /** Files, folders and links together. */
  maxEntries: number;
  /** Folders in one path. */
  maxDepth: number;
  /** UTF-8 bytes of one whole path. */
  maxPathBytes: number;
  /** UTF-8 bytes of one part of a path. */
  maxNameBytes: number;
  /** Bytes of one extended header, which a reader has to hold in memory. */
  maxMetadataBytes: number;
  /** How long reading may take, in ms. */
  maxMilliseconds: number;
};

export const DEFAULT_ARCHIVE_LIMITS: ArchiveLimits = {
  maxArchiveBytes: MAX_SNAPSHOT_BYTES,
  // Twice the compressed maximum: workspaces are text and databases, and a machine's disk and patience are finite.
  maxTotalBytes: 2 * MAX_SNAPSHOT_BYTES,
  // A workspace with two large dependency trees has about 80,000 files; every one costs a few system calls.
  maxEntries: 100_000,
  // Deeper than any tree a tool makes, shallow enough for recursion and for the 4096 bytes of a system path.
  maxDepth: 64,
  // The system's limit is 4096 for the whole path; the data folder in front of it needs its share.
  maxPathBytes: 2_048,
  // The limit of ext4, XFS and APFS.
  maxNameBytes: 255,
  // Two paths of the maximum length and their keys fit many times over.
  maxMetadataBytes: 64 * 1024,
  // A turn's default deadline is 15 minutes; a restore that needs a third of it is broken.
  maxMilliseconds: 5 * 60_000,
};

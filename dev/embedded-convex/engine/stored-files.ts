/** Finds stored files by the name in their URL, and removes the bytes of those that no document names any more. */
import { Buffer } from "node:buffer";
import { z } from "zod";
import type { FileStore } from "./file-store.js";
import { hiddenFields } from "./hidden-fields.js";
import type { DocumentChange } from "./read-sets.js";
import type { TableStore } from "./table-store.js";
import type { StoredFile } from "./types.js";

const vMetadata = z.looseObject({ sha256: z.string(), size: z.number(), contentType: z.string().nullable() });

export class StoredFiles {
  private readonly storageIds = new Map<string, { table: TableStore; storageId: string }>();

  constructor(private readonly files: FileStore) {}

  /** Follows commits to the `_storage` tables, and their content when the engine opens. */
  apply(table: TableStore, { id, before, after }: DocumentChange): void {
    const uuid = hiddenFields(after ?? before).fileUuid;
    if (uuid === undefined) return;
    if (after !== null) {
      this.storageIds.set(uuid, { table, storageId: id });
      return;
    }
    this.storageIds.delete(uuid);
    // If the process dies before this happens, the next one removes the file when it opens.
    void this.files.delete(uuid);
  }

  /** Removes files that a transaction wrote in vain. */
  discardUnnamed(uuids: readonly string[]): void {
    for (const uuid of uuids) if (!this.storageIds.has(uuid)) void this.files.delete(uuid);
  }

  names(): ReadonlySet<string> {
    return new Set(this.storageIds.keys());
  }

  find(uuid: string): StoredFile | null {
    const found = this.storageIds.get(uuid);
    const document = found?.table.documents.get(found.storageId);
    if (found === undefined || document === undefined) return null;
    const { sha256, size, contentType } = vMetadata.parse(document);
    return {
      storageId: found.storageId,
      contentType,
      sha256Hex: Buffer.from(sha256, "base64").toString("hex"),
      size,
      path: this.files.path(uuid),
    };
  }
}

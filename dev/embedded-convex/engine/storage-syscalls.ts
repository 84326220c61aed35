/** `ctx.storage`: replaces convex-test's, which returns invented URLs and keeps every file in memory. */
import { Buffer } from "node:buffer";
import { z } from "zod";
import { databaseOf } from "./convex-test-internals.js";
import type { ConvexTestInternals, Database, Document } from "./convex-test-types.js";
import type { FileStore, WrittenFile } from "./file-store.js";
import { HIDDEN, hiddenFields, type HiddenFields } from "./hidden-fields.js";
import type { UploadTokens } from "./upload-tokens.js";

const TABLE = "_storage";

const vStorageId = z.object({ storageId: z.string() });
const vStore = z.object({ blob: z.string(), contentType: z.string().nullish(), sha256: z.string().optional() });
const vStoreBlob = z.object({
  blob: z.instanceof(Blob),
  options: z.object({ sha256: z.string().optional() }).optional(),
});

export class StorageSyscalls {
  /** Files that the open transaction has written; those that no committed document names are removed after it. */
  private writtenInTransaction: string[] = [];

  constructor(
    private readonly internals: ConvexTestInternals,
    private readonly files: FileStore,
    private readonly tokens: UploadTokens,
    private readonly cloudUrl: string,
  ) {}

  /** @returns the answer, or `undefined` if the operation is none of storage's. */
  async perform(componentPath: string, operation: string, args: unknown): Promise<{ json: unknown } | undefined> {
    switch (operation) {
      case "1.0/storageGenerateUploadUrl":
        return { json: `${this.cloudUrl}/api/storage/upload?token=${this.tokens.mint(componentPath)}` };
      case "1.0/storageGetUrl": {
        const { fileUuid } = hiddenFields(this.find(componentPath, vStorageId.parse(args).storageId));
        return { json: fileUuid === undefined ? null : `${this.cloudUrl}/api/storage/${fileUuid}` };
      }
      case "1.0/storageGetMetadata": {
        const { storageId } = vStorageId.parse(args);
        const document = this.find(componentPath, storageId);
        if (document === null) return { json: null };
        const sha256 = Buffer.from(z.string().parse(document["sha256"]), "base64").toString("hex");
        return { json: { storageId, sha256, size: document["size"], contentType: document["contentType"] ?? null } };
      }
      case "1.0/storageDelete": {
        const { storageId } = vStorageId.parse(args);
        await this.inTransaction(componentPath, (db) => db.delete(TABLE, storageId));
        return { json: {} };
      }
      case "1.0/storageStore": {
        const { blob, contentType, sha256 } = vStore.parse(args);
        return { json: await this.storeBytes(componentPath, Buffer.from(blob, "base64"), contentType ?? null, sha256) };
      }
      case "1.0/storageGet": {
        const found = await this.readBytes(componentPath, vStorageId.parse(args).storageId);
        return {
          json: found === null ? null : { blob: found.bytes.toString("base64"), contentType: found.contentType },
        };
      }
      default:
        return undefined;
    }
  }

  /** `ctx.storage.store` and `get` of actions, which pass blobs as they are. */
  async performJs(componentPath: string, operation: string, args: unknown): Promise<{ value: unknown } | undefined> {
    switch (operation) {
      case "storage/storeBlob": {
        const { blob, options } = vStoreBlob.parse(args);
        const bytes = Buffer.from(await blob.arrayBuffer());
        return { value: await this.storeBytes(componentPath, bytes, blob.type, options?.sha256) };
      }
      case "storage/getBlob": {
        const found = await this.readBytes(componentPath, vStorageId.parse(args).storageId);
        return {
          value: found === null ? null : new Blob([new Uint8Array(found.bytes)], { type: found.contentType ?? "" }),
        };
      }
      default:
        return undefined;
    }
  }

  /** Makes a written file visible, in a transaction of its own unless one is running. */
  async register(componentPath: string, file: WrittenFile, contentType: string | null): Promise<string> {
    const hidden: HiddenFields = { fileUuid: file.uuid };
    const fields = {
      // Base64, as Convex's `_storage` table has it for clients since 1.9; its deprecated getMetadata() says hex.
      sha256: file.sha256.toString("base64"),
      size: file.size,
      contentType: contentType === "" ? null : contentType,
      [HIDDEN]: hidden,
    };
    return await this.inTransaction(componentPath, (db) => {
      this.writtenInTransaction.push(file.uuid);
      return db.insert(TABLE, fields);
    });
  }

  /** @returns the files that the transaction which just ended has written. */
  takeWritten(): string[] {
    const written = this.writtenInTransaction;
    this.writtenInTransaction = [];
    return written;
  }

  private async storeBytes(
    componentPath: string,
    bytes: Buffer,
    contentType: string | null,
    expectedSha256: string | undefined,
  ): Promise<string> {
    const file = await this.files.write(once(bytes));
    if (expectedSha256 !== undefined && !matches(file.sha256, expectedSha256)) {
      await this.files.delete(file.uuid);
      throw new Error(`The file's sha256 is ${file.sha256.toString("base64")}, but ${expectedSha256} was expected.`);
    }
    return await this.register(componentPath, file, contentType);
  }

  private async readBytes(
    componentPath: string,
    storageId: string,
  ): Promise<{ bytes: Buffer; contentType: string | null } | null> {
    const document = this.find(componentPath, storageId);
    const { fileUuid } = hiddenFields(document);
    if (document === null || fileUuid === undefined) return null;
    const contentType = document["contentType"];
    return {
      bytes: await this.files.read(fileUuid),
      contentType: typeof contentType === "string" ? contentType : null,
    };
  }

  /** Within a transaction as it sees it; an action must not see what an unrelated open transaction has written. */
  private find(componentPath: string, storageId: string): Document | null {
    const db = databaseOf(this.internals, componentPath);
    if (this.isInTransaction()) return db.get(TABLE, storageId);
    const layers = db._writes;
    db._writes = [];
    try {
      return db.get(TABLE, storageId);
    } finally {
      db._writes = layers;
    }
  }

  /**
   * convex-test would write into whatever transaction happens to be open, also when the caller is an action that has
   * nothing to do with it.
   */
  private async inTransaction<T>(componentPath: string, write: (db: Database) => T): Promise<T> {
    const db = databaseOf(this.internals, componentPath);
    if (this.isInTransaction()) return write(db);
    return await this.internals.accessor.runInComponent(componentPath, async () => write(db));
  }

  private isInTransaction(): boolean {
    return this.internals.transactionStorage.getStore() !== undefined;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Callers give the digest in hex or in base64. */
function matches(sha256: Buffer, expected: string): boolean {
  return sha256.toString("hex") === expected.toLowerCase() || sha256.toString("base64") === expected;
}

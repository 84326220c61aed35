/** The conversations this worker has on its disk or in its memory, and how many of them it keeps. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { removeTree } from "../locked-folders.js";
import { errorMessage, type Logger } from "../logger.js";
import type { Runtime, RuntimeContext } from "../runtimes/runtime.js";
import { removeLeftovers } from "../snapshots/replace-directory.js";
import { conversationKey, conversationsDirectory, recordsDirectory, temporaryDirectory } from "../workspaces/paths.js";
import { readRecord } from "../workspaces/record.js";
import { Conversation } from "./conversation.js";

/** Folders kept for conversations that are not running: a return visit needs no download. */
const IDLE_FOLDERS_PER_SLOT = 4;

export class ConversationPool {
  private readonly known = new Map<string, Conversation>();

  constructor(
    private readonly dataDirectory: string,
    private readonly createRuntime: (context: RuntimeContext) => Runtime,
    private readonly logger: Logger,
  ) {}

  /**
   * Removes what a process before this one left half done; with `keepFolders` false, everything it left: folders of a
   * machine's earlier owner are not for this one's agents to read.
   */
  async prepareDisk({ keepFolders }: { keepFolders: boolean }): Promise<void> {
    await removeTree(temporaryDirectory(this.dataDirectory));
    for (const directory of [conversationsDirectory(this.dataDirectory), recordsDirectory(this.dataDirectory)]) {
      if (!keepFolders) await removeTree(directory);
      await mkdir(directory, { recursive: true, mode: 0o700 });
    }
    await removeLeftovers(conversationsDirectory(this.dataDirectory));
  }

  get(conversationId: string): Conversation {
    const existing = this.known.get(conversationId);
    if (existing !== undefined) return existing;
    const logger = this.logger.child({ conversationId });
    const created = new Conversation(conversationId, this.dataDirectory, this.createRuntime, logger);
    this.known.set(conversationId, created);
    return created;
  }

  all(): Conversation[] {
    return [...this.known.values()];
  }

  /** Stops the runtimes and removes the folders that have not been used for the longest time. Never throws. */
  async tidy(conversationsPerWorker: number): Promise<void> {
    try {
      const idle = this.all()
        .filter((conversation) => conversation.isIdle && conversation.isWarm)
        .sort((a, b) => b.lastUsed - a.lastUsed);
      for (const conversation of idle.slice(conversationsPerWorker)) {
        await conversation.exclusively(() => conversation.stopRuntime());
      }
      await this.removeFolders(conversationsPerWorker * IDLE_FOLDERS_PER_SLOT);
    } catch (error) {
      this.logger.warn({ reason: errorMessage(error) }, "Old workspaces could not be removed.");
    }
  }

  private async removeFolders(keep: number): Promise<void> {
    const busy = new Set(
      this.all()
        .filter((conversation) => !conversation.isIdle || conversation.isWarm)
        .map(({ conversationId }) => conversationKey(conversationId)),
    );
    const folders = await readdir(conversationsDirectory(this.dataDirectory));
    const idle = await Promise.all(
      folders
        .filter((key) => !key.startsWith(".") && !busy.has(key))
        .map(async (key) => {
          const record = await readRecord(join(recordsDirectory(this.dataDirectory), `${key}.json`));
          return { key, conversationId: record?.conversationId ?? null, usedAt: record?.usedAt ?? 0 };
        }),
    );
    for (const { key, conversationId } of idle.sort((a, b) => b.usedAt - a.usedAt).slice(keep)) {
      if (conversationId === null) {
        await this.removeFolder(key);
        continue;
      }
      const conversation = this.get(conversationId);
      await conversation.exclusively(async () => {
        // A turn may have come and gone while this waited for its own.
        if (!conversation.isWarm) await this.removeFolder(key);
      });
    }
    // What neither runs nor is warm is as well on the disk alone.
    for (const conversation of this.all()) {
      if (conversation.isIdle && !conversation.isWarm) this.known.delete(conversation.conversationId);
    }
  }

  private async removeFolder(key: string): Promise<void> {
    // The record first: a folder without one is never used.
    await rm(join(recordsDirectory(this.dataDirectory), `${key}.json`), { force: true });
    await removeTree(join(conversationsDirectory(this.dataDirectory), key));
  }
}

/** What an agent's programs have made read-only stops neither a turn nor the worker's next start. */
import { chmod, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Conversation } from "./conversations/conversation.js";
import { ConversationPool } from "./conversations/pool.js";
import { removeTree } from "./locked-folders.js";
import { createLogger, SecretFilter } from "./logger.js";
import { createSibling, replaceDirectory } from "./snapshots/replace-directory.js";
import { asOrdinaryUser } from "./testing/ordinary-user.js";
import { temporaryDirectory } from "./testing/temporary.js";
import { quickEcho } from "./testing/test-worker.js";
import { turnInput } from "./testing/turn-input.js";
import { conversationPaths, temporaryDirectory as temporaryOf } from "./workspaces/paths.js";

const logger = createLogger("silent", new SecretFilter());

/** As a module cache looks: files in folders that nobody may change. */
async function lockedTree(folder: string): Promise<void> {
  await mkdir(join(folder, "cache/module"), { recursive: true });
  await writeFile(join(folder, "cache/module/file"), "x");
  await chmod(join(folder, "cache/module"), 0o500);
  await chmod(join(folder, "cache"), 0);
}

describe("a folder that cannot be changed", () => {
  it("is removed all the same, and nothing behind a link with it", async () => {
    const place = await temporaryDirectory();
    await asOrdinaryUser(place, async () => {
      await mkdir(join(place, "elsewhere"));
      await writeFile(join(place, "elsewhere/kept"), "x");
      await mkdir(join(place, "tree"));
      await symlink(join(place, "elsewhere"), join(place, "tree/link"));
      await lockedTree(join(place, "tree"));
      await chmod(join(place, "elsewhere"), 0o500);
      await removeTree(join(place, "tree"));
      expect(await readdir(place)).toEqual(["elsewhere"]);
      expect(await readdir(join(place, "elsewhere"))).toEqual(["kept"]);
      await removeTree(join(place, "missing"));
    });
  });

  it("is replaced by a restored one", async () => {
    const place = await temporaryDirectory();
    await asOrdinaryUser(place, async () => {
      const target = join(place, "target");
      await lockedTree(target);
      await replaceDirectory(target, await createSibling(target));
      expect(await readdir(place)).toEqual(["target"]);
      expect(await readdir(target)).toEqual([]);
    });
  });

  it("keeps neither a runtime from being stopped nor a worker from starting", async () => {
    const place = await temporaryDirectory();
    await asOrdinaryUser(place, async () => {
      const conversation = new Conversation("c", place, quickEcho, logger);
      await conversation.startedRuntime(turnInput({ message: "" }), new AbortController().signal);
      const { temporary } = conversationPaths(place, "c");
      await lockedTree(temporary);
      await conversation.stopRuntime();
      expect(await readdir(join(temporary, ".."))).toEqual([]);

      await lockedTree(temporaryOf(place));
      await lockedTree(join(place, "conversations/.outgoing-x"));
      const pool = new ConversationPool(place, quickEcho, logger);
      await pool.prepareDisk({ keepFolders: true });
      await lockedTree(join(place, "conversations/x"));
      await pool.prepareDisk({ keepFolders: false });
      expect(await readdir(join(place, "conversations"))).toEqual([]);
    });
  });
});

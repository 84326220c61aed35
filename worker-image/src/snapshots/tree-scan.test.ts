/** What of a folder belongs into a snapshot, and what becomes of the rest. */
import { mkdir, rmdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../testing/temporary.js";
import { writeTree } from "../testing/tree.js";
import { DEFAULT_ARCHIVE_LIMITS } from "./limits.js";
import { TreeChanged } from "./tree-changed.js";
import { scanTree, TreeTooLarge } from "./tree-scan.js";

describe("scanTree", () => {
  it("leaves out what is excluded, cannot be saved or leads out, and says so", async () => {
    const place = await temporaryDirectory();
    const root = join(place, "root");
    await writeTree(root, {
      "kept.txt": "k",
      "state/tmp/lock": "x",
      "state/tmpfile": "kept",
      "a/node_modules/x": "x",
      "bad\\..\\name": "x",
      out: { kind: "symlink", target: "../elsewhere" },
      absolute: { kind: "symlink", target: "/etc/hosts" },
      inside: { kind: "symlink", target: join(root, "state/tmpfile") },
      circle: { kind: "symlink", target: "circle" },
    });
    await writeFile(Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0xff, 0x41])]), "not UTF-8");
    const socket = createServer().listen(join(root, "socket"));
    await new Promise((done) => socket.once("listening", done));
    try {
      const scanned = await scanTree(root, { paths: ["state/tmp"], names: ["node_modules"] });
      expect(scanned.entries.map((entry) => entry.path)).toEqual(["a", "inside", "kept.txt", "state", "state/tmpfile"]);
      expect(scanned.entries[1]).toMatchObject({ kind: "symlink", target: "state/tmpfile" });
      expect(Object.fromEntries(scanned.skipped.map(({ path, why }) => [path, why]))).toEqual({
        '"\ufffdA"': "its name is not valid UTF-8",
        '"bad\\\\..\\\\name"': "its name cannot be saved (path_traversal)",
        '"socket"': "it is neither a file nor a folder nor a link",
        '"out"': "it is a link out of the workspace",
        '"absolute"': "it is a link out of the workspace",
        '"circle"': "it is a link in a circle",
      });
    } finally {
      socket.close();
    }
  });

  it("refuses trees that could not be restored", async () => {
    const root = join(await temporaryDirectory(), "root");
    await writeTree(root, { a: "1", b: "22", c: "333" });
    const limits = DEFAULT_ARCHIVE_LIMITS;
    await expect(scanTree(root, undefined, { ...limits, maxEntries: 2 })).rejects.toThrow(TreeTooLarge);
    await expect(scanTree(root, undefined, { ...limits, maxTotalBytes: 4_000 })).rejects.toThrow(TreeTooLarge);
  });

  it("tells whoever scans folders that come and go to look again, if anything", async () => {
    const root = await temporaryDirectory();
    const folders = Array.from({ length: 12 }, (_, index) => join(root, `d${index}`));
    for (let round = 0; round < 20; round++) {
      for (const folder of folders) await mkdir(folder, { recursive: true });
      const removeAll = async () => {
        for (const folder of folders) {
          for (let turns = 0; turns < round % 4; turns++) await new Promise((resolve) => setImmediate(resolve));
          await rmdir(folder);
        }
      };
      const [scanned] = await Promise.allSettled([scanTree(root), removeAll()]);
      if (scanned.status === "rejected") expect(scanned.reason).toBeInstanceOf(TreeChanged);
    }
  });
});

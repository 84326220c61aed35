/** What is packed comes back the same; what cannot be packed is named. */
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import {
  appendFile,
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../testing/temporary.js";
import { readTree, writeTree, type TreeDescription } from "../testing/tree.js";
import { extractArchive } from "./extract.js";
import { packTree } from "./pack.js";
import { digestTree } from "./tree-digest.js";
import { scanTree, TreeTooLarge } from "./tree-scan.js";

async function pack(root: string, temporary: string) {
  const scanned = await scanTree(root);
  return { ...(await packTree(root, scanned.entries, temporary)), skipped: scanned.skipped };
}

const name = fc
  .oneof(
    { weight: 6, arbitrary: fc.stringMatching(/^[a-z]{1,8}$/) },
    { weight: 2, arbitrary: fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }) },
    { weight: 1, arbitrary: fc.constantFrom("日本語.txt", "a b", "new\nline", "-rf", "ü", ".hidden", "x".repeat(255)) },
    { weight: 1, arbitrary: fc.constant("long".repeat(40)) },
  )
  .map((text) => text.normalize("NFC"))
  .filter((text) => !/[/\\\0\ufffd]/.test(text) && text !== "." && text !== ".." && Buffer.byteLength(text) <= 255);

const tree: fc.Arbitrary<TreeDescription> = fc
  .array(
    fc.record({
      folders: fc.array(name, { maxLength: 3 }),
      name,
      node: fc.oneof(
        fc.record({
          kind: fc.constant("file" as const),
          content: fc.oneof(
            fc.string({ maxLength: 40 }),
            fc.constant("b".repeat(512)),
            fc.constant("c".repeat(100_000)),
          ),
          mode: fc.constantFrom(0o644, 0o755, 0o600, 0o444),
          mtimeSeconds: fc.integer({ min: 0, max: 2_000_000_000 }),
        }),
        fc.record({ kind: fc.constant("directory" as const), mode: fc.constantFrom(0o755, 0o700) }),
        fc.record({ kind: fc.constant("symlink" as const), target: fc.constantFrom("missing-1", ".", "missing-2/b") }),
      ),
    }),
    { maxLength: 12 },
  )
  .map((items) => {
    const described: TreeDescription = {};
    for (const { folders, name: last, node } of items) {
      const parents = folders.map((_, index) => folders.slice(0, index + 1).join("/"));
      const path = [...folders, last].join("/");
      const paths = Object.keys(described);
      const isBelowAFile = parents.some((parent) => parent in described && described[parent] !== undefined);
      const isTaken = paths.some((other) => other === path || other.startsWith(`${path}/`));
      if (!isBelowAFile && !isTaken) described[path] = node;
    }
    return described;
  });

describe("packTree and extractArchive", () => {
  it("give back the same tree, and the same archive from it", async () => {
    const place = await temporaryDirectory();
    await fc.assert(
      fc.asyncProperty(tree, async (described) => {
        const run = await mkdtemp(join(place, "run-"));
        const [source, restored, temporary] = [join(run, "source"), join(run, "restored"), join(run, "tmp")];
        await writeTree(source, described);
        const packed = await pack(source, temporary);
        expect(packed.skipped).toEqual([]);
        await extractArchive(packed.file, restored);
        expect(await readTree(restored)).toEqual(await readTree(source));

        const again = await pack(restored, temporary);
        expect(again.sha256).toBe(packed.sha256);
        expect(again.treeDigest).toBe(packed.treeDigest);
        expect(await digestTree(source, (await scanTree(source)).entries)).toBe(packed.treeDigest);
        await rm(run, { recursive: true, force: true });
      }),
      { numRuns: 60 },
    );
  });

  it("writes an archive the system's own tar can read, with the size and hash it says", async () => {
    const place = await temporaryDirectory();
    await writeTree(join(place, "source"), { "a/b.txt": "hello", [`${"d/".repeat(60)}deep`]: "deep" });
    const packed = await pack(join(place, "source"), place);
    const bytes = await readFile(packed.file);
    expect(bytes.length).toBe(packed.sizeBytes);
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(packed.sha256);
    await mkdir(join(place, "out"));
    execFileSync("tar", ["-xzf", packed.file, "-C", join(place, "out")]);
    expect(await readFile(join(place, "out/a/b.txt"), "utf8")).toBe("hello");
    expect(await readFile(join(place, "out", "d/".repeat(60), "deep"), "utf8")).toBe("deep");
  });

  it("keeps the content of hard links, once per name", async () => {
    const place = await temporaryDirectory();
    await writeTree(join(place, "source"), { a: "shared" });
    await link(join(place, "source/a"), join(place, "source/b"));
    await extractArchive((await pack(join(place, "source"), place)).file, join(place, "out"));
    expect(await readFile(join(place, "out/b"), "utf8")).toBe("shared");
  });
});

describe("the tree's digest", () => {
  const digestOf = async (root: string) => digestTree(root, (await scanTree(root)).entries);

  it("changes with names, content, links and what can be run, not with times", async () => {
    const root = join(await temporaryDirectory(), "tree");
    await writeTree(root, { "a.txt": "1", "b/": { kind: "directory" }, l: { kind: "symlink", target: "a.txt" } });
    const seen = new Set([await digestOf(root)]);
    const expectNew = async () => {
      const digest = await digestOf(root);
      expect(seen).not.toContain(digest);
      seen.add(digest);
    };
    await writeFile(join(root, "a.txt"), "2");
    await expectNew();
    await chmod(join(root, "a.txt"), 0o755);
    await expectNew();
    await rm(join(root, "l"));
    await symlink("b", join(root, "l"));
    await expectNew();
    await rm(join(root, "b"), { recursive: true });
    await expectNew();
    const last = await digestOf(root);
    await utimes(join(root, "a.txt"), 1, 1);
    await chmod(join(root, "a.txt"), 0o775);
    expect(await digestOf(root)).toBe(last);
  });
});

describe("packTree", () => {
  it("refuses a file that changed since the scan, and leaves no archive behind", async () => {
    const place = await temporaryDirectory();
    const root = join(place, "root");
    await writeTree(root, { a: "1", "b/c": "2" });
    const { entries } = await scanTree(root);
    await appendFile(join(root, "b/c"), "more");
    await expect(packTree(root, entries, join(place, "tmp"))).rejects.toThrow("A file changed");
    await rm(join(root, "b/c"));
    await expect(packTree(root, entries, join(place, "tmp"))).rejects.toThrow("A file vanished");
    expect(await readdir(join(place, "tmp"))).toEqual([]);
  });

  it("stops when the archive outgrows its limit", async () => {
    const place = await temporaryDirectory();
    const root = join(place, "root");
    await writeTree(root, { a: "" });
    const noise = Array.from({ length: 40 }, (_, index) => createHash("sha512").update(`${index}`).digest());
    await writeFile(join(root, "a"), Buffer.concat(noise));
    const { entries } = await scanTree(root);
    await expect(packTree(root, entries, join(place, "tmp"), { maxArchiveBytes: 500 })).rejects.toThrow(TreeTooLarge);
    expect(await readdir(join(place, "tmp"))).toEqual([]);
  });

  it.runIf(existsSync("/proc/self/fd"))(
    "keeps no file open, and throws nothing elsewhere, wherever it is stopped",
    async () => {
      const place = await temporaryDirectory();
      const root = join(place, "root");
      await mkdir(root);
      for (let index = 0; index < 12; index++) {
        await mkdir(join(root, `d${index}/e`), { recursive: true });
        await writeFile(join(root, `d${index}/f`), randomBytes(40_000));
      }
      const { entries } = await scanTree(root);
      for (let maxArchiveBytes = 500; maxArchiveBytes < 400_000; maxArchiveBytes += 50_000) {
        await expect(packTree(root, entries, join(place, "tmp"), { maxArchiveBytes })).rejects.toThrow(TreeTooLarge);
      }
      const openFiles = async () => {
        const numbers = await readdir("/proc/self/fd");
        const paths = await Promise.all(numbers.map((number) => readlink(`/proc/self/fd/${number}`).catch(() => "")));
        return paths.filter((path) => path.startsWith(place));
      };
      await expect.poll(openFiles).toEqual([]);
    },
  );
});

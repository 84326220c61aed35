/** Known attacks on archive readers, each of which must leave the target exactly as it was. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { paxRecord, tar, type TarPart } from "../testing/tar-builder.js";
import { temporaryDirectory } from "../testing/temporary.js";
import { readTree } from "../testing/tree.js";
import {
  ArchiveRejected,
  extractArchive,
  type ArchiveLimits,
  type ArchiveRejection,
  type ArchiveSource,
} from "./extract.js";

const vectors = z
  .object({
    cases: z.array(
      z.object({
        id: z.string(),
        expect: z.string(),
        files: z.record(z.string(), z.string()).optional(),
        tarBase64Gz: z.string(),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(new URL("../testing/data/tar-archives.json", import.meta.url), "utf8")));

let place: string;
let target: string;
let victim: string;

beforeEach(async () => {
  place = await temporaryDirectory();
  target = join(place, "target");
  victim = join(place, "victim");
  await mkdir(target);
  await writeFile(join(target, "before.txt"), "as it was");
  await writeFile(victim, "untouched");
});

/** Nothing around the target has changed, and nothing was left beside it. */
async function expectSurroundingsUntouched(): Promise<void> {
  expect((await readdir(place)).sort()).toEqual(["target", "victim"]);
  expect(await readFile(victim, "utf8")).toBe("untouched");
}

async function expectRejected(
  source: ArchiveSource,
  reasons?: readonly ArchiveRejection[],
  limits?: Partial<ArchiveLimits>,
): Promise<ArchiveRejected> {
  const error: unknown = await extractArchive(source, target, limits).then(
    () => new Error("The archive was accepted."),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ArchiveRejected);
  if (!(error instanceof ArchiveRejected)) throw error;
  if (reasons !== undefined) expect(reasons).toContain(error.reason);
  expect(await readdir(target)).toEqual(["before.txt"]);
  await expectSurroundingsUntouched();
  return error;
}

describe("recorded archives", () => {
  it("are all there", () => expect(vectors.cases).toHaveLength(47));

  for (const { id, expect: expected, files, tarBase64Gz } of vectors.cases) {
    const archive = Buffer.from(tarBase64Gz, "base64");
    // Where either answer is safe, this reader's answer is to refuse; `name-ansi` is a legal name and is kept as it is.
    const isAccepted = expected.startsWith("extract") || id === "name-ansi";

    it(`${id}: ${isAccepted ? "extracts" : "is refused"}`, async () => {
      if (!isAccepted) {
        await expectRejected(archive);
        return;
      }
      await extractArchive(archive, target);
      for (const [path, content] of Object.entries(files ?? {})) {
        expect(await readFile(join(target, path), "utf8")).toBe(content);
      }
      expect(await readdir(target)).not.toContain("before.txt");
      await expectSurroundingsUntouched();
      for (const name of await readdir(target)) {
        const found = await lstat(join(target, name));
        expect(found.mode & 0o7000).toBe(0);
        expect(found.mode & 0o022).toBe(0);
        expect(found.uid).toBe(process.getuid?.());
      }
    });
  }
});

describe("links", () => {
  const cases: { name: string; parts: () => TarPart[]; reason: ArchiveRejection }[] = [
    {
      name: "an absolute symbolic link",
      parts: () => [{ name: "l", type: "2", linkTarget: victim }],
      reason: "link_escape",
    },
    {
      name: "a file through a symbolic link",
      parts: () => [
        { name: "l", type: "2", linkTarget: place },
        { name: "l/victim", content: "gone" },
      ],
      reason: "parent_not_directory",
    },
    {
      name: "a file in place of a symbolic link",
      parts: () => [
        { name: "l", type: "2", linkTarget: victim },
        { name: "l", content: "gone" },
      ],
      reason: "duplicate_entry",
    },
    {
      name: "a symbolic link in place of a folder",
      parts: () => [
        { name: "d/", type: "5" },
        { name: "d", type: "2", linkTarget: place },
      ],
      reason: "duplicate_entry",
    },
    {
      name: "a symbolic link in place of an implied folder",
      parts: () => [
        { name: "d/x", content: "x" },
        { name: "d", type: "2", linkTarget: place },
      ],
      reason: "duplicate_entry",
    },
    {
      name: "a link that climbs out through another one",
      parts: () => [
        { name: "a/b/up", type: "2", linkTarget: ".." },
        { name: "a/out", type: "2", linkTarget: "b/up/../../victim" },
      ],
      reason: "link_escape",
    },
    {
      name: "a link through a part that is not there yet",
      parts: () => [{ name: "l", type: "2", linkTarget: "later/../inside" }],
      reason: "link_escape",
    },
    {
      name: "a link to a sibling whose name begins like the target's",
      parts: () => [{ name: "l", type: "2", linkTarget: "../target-evil/x" }],
      reason: "link_escape",
    },
    {
      name: "links in a circle",
      parts: () => [
        { name: "a", type: "2", linkTarget: "b" },
        { name: "b", type: "2", linkTarget: "a" },
      ],
      reason: "link_loop",
    },
    {
      name: "a hard link to a file outside",
      parts: () => [{ name: "h", type: "1", linkTarget: "../victim" }],
      reason: "path_traversal",
    },
    {
      name: "a hard link to an absolute path",
      parts: () => [{ name: "h", type: "1", linkTarget: victim }],
      reason: "absolute_path",
    },
    {
      name: "a hard link through a symbolic link",
      parts: () => [
        { name: "d/f", content: "f" },
        { name: "l", type: "2", linkTarget: "d" },
        { name: "h", type: "1", linkTarget: "l/f" },
      ],
      reason: "hardlink_invalid",
    },
  ];
  for (const { name, parts, reason } of cases) {
    it(`refuses ${name}`, async () => {
      await expectRejected(gzipSync(tar(...parts())), [reason]);
    });
  }

  it("keeps links that stay inside, also to what is not there", async () => {
    await extractArchive(
      gzipSync(
        tar(
          { name: "d/f", content: "f" },
          { name: "d/up", type: "2", linkTarget: "../d/f" },
          { name: "dangling", type: "2", linkTarget: "d/nothing" },
        ),
      ),
      target,
    );
    expect(await readFile(join(target, "d/up"), "utf8")).toBe("f");
    expect((await readTree(target))["dangling"]).toBe("-> d/nothing");
  });
});

describe("bombs and damage", () => {
  const file: TarPart = { name: "f", content: "content" };

  it("refuses 1 GiB of zeros in a small file", async () => {
    const zeros = tar({ name: "z", size: 2 ** 30 }).subarray(0, 512);
    const megabyte = Buffer.alloc(2 ** 20);
    const archive = Readable.from(
      (function* () {
        yield zeros;
        for (let index = 0; index < 1024; index++) yield megabyte;
        yield Buffer.alloc(1024);
      })(),
      { objectMode: false },
    );
    await expectRejected(archive, ["too_many_bytes"], { maxArchiveBytes: 2 ** 31, maxTotalBytes: 2 ** 24 });
    await expectRejected(gzipSync(Buffer.concat([zeros, ...Array<Buffer>(64).fill(megabyte)])), ["too_many_bytes"], {
      maxTotalBytes: 2 ** 24,
    });
  });

  it("refuses too many entries, named or implied", async () => {
    const many = Array.from({ length: 300 }, (_, index) => ({ name: `f${index}` }));
    await expectRejected(gzipSync(tar(...many)), ["too_many_entries"], { maxEntries: 299 });
    const implied = Array.from({ length: 300 }, (_, index) => ({ name: `d${index}/f` }));
    await expectRejected(gzipSync(tar(...implied)), ["too_many_entries"], { maxEntries: 599 });
    await extractArchive(gzipSync(tar(...implied)), target, { maxEntries: 600 });
  });

  it("refuses extended headers without an entry, without end", async () => {
    const comment = { name: "x", type: "x", content: paxRecord("comment", "c") };
    await expectRejected(gzipSync(tar(...Array<TarPart>(50).fill(comment))), ["too_many_entries"], { maxEntries: 20 });
  });

  it("refuses an extended header that would fill the memory", async () => {
    const archive = tar({ name: "x", type: "x", content: paxRecord("path", "p".repeat(70_000)) }, file);
    await expectRejected(gzipSync(archive), ["metadata_too_large"]);
  });

  it("takes off one layer of gzip only, and no other compression", async () => {
    await expectRejected(gzipSync(gzipSync(tar(file))), ["malformed", "truncated"]);
    await expectRejected(Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(600, 1)]), [
      "malformed",
      "truncated",
    ]);
  });

  it("refuses a second archive behind the first", async () => {
    const smuggled = gzipSync(tar({ name: "smuggled", content: "x" }));
    await expectRejected(Buffer.concat([gzipSync(tar(file)), smuggled]), ["malformed"]);
  });

  it("refuses a wrong checksum in the gzip layer, and a cut one", async () => {
    const archive = gzipSync(tar(file));
    const flipped = Buffer.from(archive);
    for (let index = flipped.length - 8; index < flipped.length; index++) flipped[index] = (flipped[index] ?? 0) ^ 0xff;
    await expectRejected(flipped, ["malformed"]);
    for (const length of [0, 1, 2, 9, 30, archive.length - 1]) await expectRejected(archive.subarray(0, length));
  });

  it("refuses a sparse file, also as an extended header", async () => {
    const sparse = { name: "x", type: "x", content: paxRecord("GNU.sparse.major", "1") };
    await expectRejected(gzipSync(tar(sparse, file)), ["unsupported_entry"]);
  });

  it("refuses a global header that renames everything", async () => {
    const global = { name: "x", type: "g", content: paxRecord("path", "all") };
    await expectRejected(gzipSync(tar(global, file)), ["malformed"]);
  });

  it("refuses an archive file that is too large, and one that never ends", async () => {
    await expectRejected(gzipSync(tar(file)), ["too_many_bytes"], { maxArchiveBytes: 20 });
    const stuck = new Readable({ read() {} });
    stuck.push(gzipSync(tar(file)).subarray(0, 40));
    await expectRejected(stuck, ["too_slow"], { maxMilliseconds: 50 });
    expect(stuck.destroyed).toBe(true);
  });

  it("hands on the error of a broken source, and leaves the target alone", async () => {
    await expect(extractArchive(join(place, "nothing.tar.gz"), target)).rejects.toMatchObject({ code: "ENOENT" });
    const broken = new Readable({
      read() {
        this.destroy(new Error("the line went dead"));
      },
    });
    await expect(extractArchive(broken, target)).rejects.toThrow("the line went dead");
    expect(await readdir(target)).toEqual(["before.txt"]);
    await expectSurroundingsUntouched();
  });

  it("shows hostile names escaped", async () => {
    const error = await expectRejected(gzipSync(tar({ name: "../\u001b[2Jx" })), ["path_traversal"]);
    expect(error.message).not.toContain("\u001b");
    expect(error.entry).toBe(String.raw`"../\u001b[2Jx"`);
  });
});

describe("what is accepted", () => {
  it("reads paths, streams in tiny pieces and plain tar alike", async () => {
    const plain = tar({ name: "./", type: "5" }, { name: "./a/b.txt", content: "hello", mode: 0o4777 });
    const archive = gzipSync(plain);
    const path = join(place, "archive");
    await writeFile(path, archive);
    const pieces = () => Readable.from([...archive].map((byte) => Buffer.from([byte])));
    for (const source of [path, archive, plain, pieces()]) {
      expect(await extractArchive(source, join(target, "deep/er"))).toEqual({ entries: 2, fileBytes: 5 });
      expect(await readTree(join(target, "deep/er"))).toEqual({
        "a/": "755",
        "a/b.txt": `755 1700000000 ${Buffer.from("hello").toString("base64")}`,
      });
    }
  });

  it("replaces the target as a whole, and refuses to replace what is not a folder", async () => {
    await chmod(join(target, "before.txt"), 0o400);
    await extractArchive(gzipSync(tar({ name: "after.txt", content: "new" })), target);
    expect(await readdir(target)).toEqual(["after.txt"]);
    await expect(extractArchive(gzipSync(tar()), victim)).rejects.toThrow("Not a folder");
    expect(await readFile(victim, "utf8")).toBe("untouched");
    const link = join(target, "link");
    await symlink(place, link);
    await expect(extractArchive(gzipSync(tar()), link)).rejects.toThrow("Not a folder");
    await expectSurroundingsUntouched();
  });

  it("reads what the system's own tar wrote", async () => {
    await mkdir(join(place, "source/sub"), { recursive: true });
    await writeFile(join(place, "source/sub", `${"long-".repeat(18)}.txt`), "long");
    await symlink(`sub/${"long-".repeat(18)}.txt`, join(place, "source/link"));
    for (const format of ["gnu", "pax", "ustar"]) {
      const archive = execFileSync("tar", ["-C", join(place, "source"), `--format=${format}`, "-cz", "."], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      await extractArchive(archive, target);
      expect(await readFile(join(target, "link"), "utf8")).toBe("long");
    }
  });
});

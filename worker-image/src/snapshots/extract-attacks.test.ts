/** Known attacks on archive readers, each of which must leave the target exactly as it was. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { ExtractionSite } from "../testing/extraction-site.js";
import { paxRecord, tar, type TarPart } from "../testing/tar-builder.js";
import { readTree } from "../testing/tree.js";
import { extractArchive, type ArchiveRejection } from "./extract.js";

let site: ExtractionSite;

beforeEach(async () => {
  site = await ExtractionSite.prepare();
});

describe("links", () => {
  const cases: { name: string; parts: () => TarPart[]; reason: ArchiveRejection }[] = [
    {
      name: "an absolute symbolic link",
      parts: () => [{ name: "l", type: "2", linkTarget: site.victim }],
      reason: "link_escape",
    },
    {
      name: "a file through a symbolic link",
      parts: () => [
        { name: "l", type: "2", linkTarget: site.place },
        { name: "l/victim", content: "gone" },
      ],
      reason: "parent_not_directory",
    },
    {
      name: "a file in place of a symbolic link",
      parts: () => [
        { name: "l", type: "2", linkTarget: site.victim },
        { name: "l", content: "gone" },
      ],
      reason: "duplicate_entry",
    },
    {
      name: "a symbolic link in place of a folder",
      parts: () => [
        { name: "d/", type: "5" },
        { name: "d", type: "2", linkTarget: site.place },
      ],
      reason: "duplicate_entry",
    },
    {
      name: "a symbolic link in place of an implied folder",
      parts: () => [
        { name: "d/x", content: "x" },
        { name: "d", type: "2", linkTarget: site.place },
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
      parts: () => [{ name: "h", type: "1", linkTarget: site.victim }],
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
      await site.expectRejected(gzipSync(tar(...parts())), [reason]);
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
      site.target,
    );
    expect(await readFile(join(site.target, "d/up"), "utf8")).toBe("f");
    expect((await readTree(site.target))["dangling"]).toBe("-> d/nothing");
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
    await site.expectRejected(archive, ["too_many_bytes"], { maxArchiveBytes: 2 ** 31, maxTotalBytes: 2 ** 24 });
    await site.expectRejected(
      gzipSync(Buffer.concat([zeros, ...Array<Buffer>(64).fill(megabyte)])),
      ["too_many_bytes"],
      {
        maxTotalBytes: 2 ** 24,
      },
    );
  });

  it("refuses too many entries, named or implied", async () => {
    const many = Array.from({ length: 300 }, (_, index) => ({ name: `f${index}` }));
    await site.expectRejected(gzipSync(tar(...many)), ["too_many_entries"], { maxEntries: 299 });
    const implied = Array.from({ length: 300 }, (_, index) => ({ name: `d${index}/f` }));
    await site.expectRejected(gzipSync(tar(...implied)), ["too_many_entries"], { maxEntries: 599 });
    await extractArchive(gzipSync(tar(...implied)), site.target, { maxEntries: 600 });
  });

  it("refuses extended headers without an entry, without end", async () => {
    const comment = { name: "x", type: "x", content: paxRecord("comment", "c") };
    await site.expectRejected(gzipSync(tar(...Array<TarPart>(50).fill(comment))), ["too_many_entries"], {
      maxEntries: 20,
    });
  });

  it("refuses an extended header that would fill the memory", async () => {
    const archive = tar({ name: "x", type: "x", content: paxRecord("path", "p".repeat(70_000)) }, file);
    await site.expectRejected(gzipSync(archive), ["metadata_too_large"]);
  });

  it("takes off one layer of gzip only, and no other compression", async () => {
    await site.expectRejected(gzipSync(gzipSync(tar(file))), ["malformed", "truncated"]);
    await site.expectRejected(Buffer.concat([Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), Buffer.alloc(600, 1)]), [
      "malformed",
      "truncated",
    ]);
  });

  it("refuses a second archive behind the first", async () => {
    const smuggled = gzipSync(tar({ name: "smuggled", content: "x" }));
    await site.expectRejected(Buffer.concat([gzipSync(tar(file)), smuggled]), ["malformed"]);
  });

  it("refuses a wrong checksum in the gzip layer, and a cut one", async () => {
    const archive = gzipSync(tar(file));
    const flipped = Buffer.from(archive);
    for (let index = flipped.length - 8; index < flipped.length; index++) flipped[index] = (flipped[index] ?? 0) ^ 0xff;
    await site.expectRejected(flipped, ["malformed"]);
    for (const length of [0, 1, 2, 9, 30, archive.length - 1]) await site.expectRejected(archive.subarray(0, length));
  });

  it("refuses a sparse file, also as an extended header", async () => {
    const sparse = { name: "x", type: "x", content: paxRecord("GNU.sparse.major", "1") };
    await site.expectRejected(gzipSync(tar(sparse, file)), ["unsupported_entry"]);
  });

  it("refuses a global header that renames everything", async () => {
    const global = { name: "x", type: "g", content: paxRecord("path", "all") };
    await site.expectRejected(gzipSync(tar(global, file)), ["malformed"]);
  });

  it("refuses an archive file that is too large, and one that never ends", async () => {
    await site.expectRejected(gzipSync(tar(file)), ["too_many_bytes"], { maxArchiveBytes: 20 });
    const stuck = new Readable({ read() {} });
    stuck.push(gzipSync(tar(file)).subarray(0, 40));
    await site.expectRejected(stuck, ["too_slow"], { maxMilliseconds: 50 });
    expect(stuck.destroyed).toBe(true);
  });

  it("hands on the error of a broken source, and leaves the target alone", async () => {
    await expect(extractArchive(join(site.place, "nothing.tar.gz"), site.target)).rejects.toMatchObject({
      code: "ENOENT",
    });
    const broken = new Readable({
      read() {
        this.destroy(new Error("the line went dead"));
      },
    });
    await expect(extractArchive(broken, site.target)).rejects.toThrow("the line went dead");
    expect(await readdir(site.target)).toEqual(["before.txt"]);
    await site.expectSurroundingsUntouched();
  });

  it("shows hostile names escaped", async () => {
    const error = await site.expectRejected(gzipSync(tar({ name: "../\u001b[2Jx" })), ["path_traversal"]);
    expect(error.message).not.toContain("\u001b");
    expect(error.entry).toBe(String.raw`"../\u001b[2Jx"`);
  });
});

/** Archives as they come, recorded and made: what is accepted comes out as it was, and what is refused leaves the target alone. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { ExtractionSite } from "../testing/extraction-site.js";
import { tar } from "../testing/tar-builder.js";
import { readTree } from "../testing/tree.js";
import { extractArchive } from "./extract.js";

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

let site: ExtractionSite;

beforeEach(async () => {
  site = await ExtractionSite.prepare();
});

describe("recorded archives", () => {
  it("are all there", () => expect(vectors.cases).toHaveLength(47));

  for (const { id, expect: expected, files, tarBase64Gz } of vectors.cases) {
    const archive = Buffer.from(tarBase64Gz, "base64");
    // Where either answer is safe, this reader's answer is to refuse; `name-ansi` is a legal name and is kept as it is.
    const isAccepted = expected.startsWith("extract") || id === "name-ansi";

    it(`${id}: ${isAccepted ? "extracts" : "is refused"}`, async () => {
      if (!isAccepted) {
        await site.expectRejected(archive);
        return;
      }
      await extractArchive(archive, site.target);
      for (const [path, content] of Object.entries(files ?? {})) {
        expect(await readFile(join(site.target, path), "utf8")).toBe(content);
      }
      expect(await readdir(site.target)).not.toContain("before.txt");
      await site.expectSurroundingsUntouched();
      for (const name of await readdir(site.target)) {
        const found = await lstat(join(site.target, name));
        expect(found.mode & 0o7000).toBe(0);
        expect(found.mode & 0o022).toBe(0);
        expect(found.uid).toBe(process.getuid?.());
      }
    });
  }
});

describe("what is accepted", () => {
  it("reads paths, streams in tiny pieces and plain tar alike", async () => {
    const plain = tar({ name: "./", type: "5" }, { name: "./a/b.txt", content: "hello", mode: 0o4777 });
    const archive = gzipSync(plain);
    const path = join(site.place, "archive");
    await writeFile(path, archive);
    const pieces = () => Readable.from([...archive].map((byte) => Buffer.from([byte])));
    for (const source of [path, archive, plain, pieces()]) {
      expect(await extractArchive(source, join(site.target, "deep/er"))).toEqual({ entries: 2, fileBytes: 5 });
      expect(await readTree(join(site.target, "deep/er"))).toEqual({
        "a/": "755",
        "a/b.txt": `755 1700000000 ${Buffer.from("hello").toString("base64")}`,
      });
    }
  });

  it("replaces the target as a whole, and refuses to replace what is not a folder", async () => {
    await chmod(join(site.target, "before.txt"), 0o400);
    await extractArchive(gzipSync(tar({ name: "after.txt", content: "new" })), site.target);
    expect(await readdir(site.target)).toEqual(["after.txt"]);
    await expect(extractArchive(gzipSync(tar()), site.victim)).rejects.toThrow("Not a folder");
    expect(await readFile(site.victim, "utf8")).toBe("untouched");
    const link = join(site.target, "link");
    await symlink(site.place, link);
    await expect(extractArchive(gzipSync(tar()), link)).rejects.toThrow("Not a folder");
    await site.expectSurroundingsUntouched();
  });

  it("reads what the system's own tar wrote", async () => {
    await mkdir(join(site.place, "source/sub"), { recursive: true });
    await writeFile(join(site.place, "source/sub", `${"long-".repeat(18)}.txt`), "long");
    await symlink(`sub/${"long-".repeat(18)}.txt`, join(site.place, "source/link"));
    for (const format of ["gnu", "pax", "ustar"]) {
      const archive = execFileSync("tar", ["-C", join(site.place, "source"), `--format=${format}`, "-cz", "."], {
        stdio: ["ignore", "pipe", "ignore"],
      });
      await extractArchive(archive, site.target);
      expect(await readFile(join(site.target, "link"), "utf8")).toBe("long");
    }
  });
});

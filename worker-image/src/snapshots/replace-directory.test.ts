/** A folder takes another one's place, or nothing happens. */
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../testing/temporary.js";
import { writeTree } from "../testing/tree.js";
import { createSibling, removeLeftovers, replaceDirectory } from "./replace-directory.js";

describe("replaceDirectory", () => {
  it("exchanges the content as a whole", async () => {
    const place = await temporaryDirectory();
    const target = join(place, "deep/target");
    for (const content of ["first", "second"]) {
      const sibling = await createSibling(target);
      await writeTree(sibling, { [content]: content });
      await replaceDirectory(target, sibling);
      expect(await readdir(target)).toEqual([content]);
    }
    expect(await readdir(join(place, "deep"))).toEqual(["target"]);
  });

  it("puts the old content back when the new one cannot be moved", async () => {
    const place = await temporaryDirectory();
    const target = join(place, "target");
    await writeTree(target, { kept: "kept" });
    await expect(replaceDirectory(target, join(place, "missing"))).rejects.toThrow("ENOENT");
    expect(await readFile(join(target, "kept"), "utf8")).toBe("kept");
    expect(await readdir(place)).toEqual(["target"]);
  });

  it("leaves only what it would clean up itself when it dies in the middle", async () => {
    const place = await temporaryDirectory();
    await writeTree(await createSibling(join(place, "target")), { half: "half" });
    await mkdir(join(place, ".hidden-but-kept"));
    await removeLeftovers(place);
    expect(await readdir(place)).toEqual([".hidden-but-kept"]);
    await removeLeftovers(join(place, "missing"));
  });
});

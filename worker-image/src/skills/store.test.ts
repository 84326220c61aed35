import { chmod, readdir, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ManifestSkill } from "../../../src/shared/skills.js";
import { manifestSkill } from "../testing/skills.js";
import { temporaryDirectory } from "../testing/temporary.js";
import { sha256Of } from "./files.js";
import { SkillRejected, SkillStore } from "./store.js";

async function newStore() {
  const directory = await temporaryDirectory();
  return { store: new SkillStore(join(directory, "skills"), join(directory, "tmp")), directory };
}

const skill = manifestSkill("weather", { "scripts/index.mjs": "1\n", "run.sh": "#!/bin/sh\n" });

describe("a store of bundles", () => {
  it("gives back what it was given, whoever asks", async () => {
    const { store, directory } = await newStore();
    expect(await store.list()).toEqual([]);
    expect(await store.read(skill.sha256)).toBeNull();
    await store.add(skill);
    await store.add(skill);
    const again = new SkillStore(join(directory, "skills"), join(directory, "tmp"));
    expect(await again.list()).toEqual([skill.sha256]);
    const files = await again.read(skill.sha256);
    expect(files?.map(({ path, content }) => [path, content.toString()]).sort()).toEqual(
      skill.files.map(({ path, content }) => [path, content]).sort(),
    );
    expect(await readdir(join(directory, "tmp"))).toEqual([]);
    const mode = async (path: string) => (await stat(join(directory, "skills", skill.sha256, path))).mode & 0o777;
    expect([await mode("SKILL.md"), await mode("run.sh")]).toEqual([0o400, 0o500]);
  });

  it.each([
    [
      "changed",
      async (folder: string) => {
        await chmod(join(folder, "SKILL.md"), 0o600);
        await writeFile(join(folder, "SKILL.md"), "evil");
      },
    ],
    ["gone", async (folder: string) => rm(join(folder, "SKILL.md"))],
    [
      "replaced by a link",
      async (folder: string) => {
        await rm(join(folder, "SKILL.md"));
        await symlink("/etc/hostname", join(folder, "SKILL.md"));
      },
    ],
    ["joined by another", async (folder: string) => writeFile(join(folder, "more.txt"), "")],
  ])("removes a bundle with a file that is %s", async (_, change) => {
    const { store, directory } = await newStore();
    await store.add(skill);
    await change(join(directory, "skills", skill.sha256));
    expect(await store.read(skill.sha256)).toBeNull();
    expect(await store.list()).toEqual([]);
    await store.add(skill);
    expect(await store.read(skill.sha256)).toHaveLength(3);
  });

  it("forgets what nobody wants", async () => {
    const { store } = await newStore();
    const other = manifestSkill("other");
    for (const each of [skill, other]) await store.add(each);
    await store.keepOnly(new Set([other.sha256]));
    expect(await store.list()).toEqual([other.sha256]);
  });

  const withFile = (path: string, content = "x"): ManifestSkill => {
    const made = manifestSkill("weather", { [path]: content });
    return made;
  };
  it.each<[string, ManifestSkill]>([
    [
      "a file that is not what its digest says",
      { ...skill, files: skill.files.map((file) => ({ ...file, content: "x" })) },
    ],
    ["a file too few", { ...skill, files: skill.files.slice(1) }],
    ["a digest that is another bundle's", { ...skill, sha256: sha256Of("other") }],
    ["a way out", withFile("../../evil")],
    ["an absolute path", withFile("/tmp/evil")],
    ["a hidden file", withFile(".bashrc")],
    ["a name twice", withFile("skill.md")],
    ["too large a file", withFile("big", "x".repeat(600_000))],
  ])("refuses a bundle with %s, and writes nothing", async (_, wrong) => {
    const { store, directory } = await newStore();
    await expect(store.add(wrong)).rejects.toBeInstanceOf(SkillRejected);
    expect(await readdir(directory)).toEqual([]);
  });
});

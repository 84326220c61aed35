import { describe, expect, it } from "vitest";
import { prepareSkillFiles } from "../../client/skill-files.js";
import { MAX_MANIFEST_BYTES, MAX_SKILL_FILE_BYTES, MAX_SKILLS } from "../../shared/skill-bundle.js";
import {
  expectRefused,
  inComponent,
  lib,
  runScheduled,
  snapshotOfAllTables,
  startComponent,
  useFakeClock,
} from "../setup.test-kit.js";
import { sha256Hex } from "../digest.js";
import { RELEASES_KEPT } from "./releases.js";
import { deleteSkill, deploy, DOCUMENT, list, setStatus } from "./skills.test-kit.js";

describe("deploying a skill", () => {
  useFakeClock();

  it("stores its files in rows, and says what it is", async () => {
    const t = startComponent();
    const script = "export default 1;\n";
    const deployed = await deploy(t, { contents: { "scripts/index.mjs": script }, actor: "root" });
    const [documentHash, scriptHash] = [await sha256Hex(DOCUMENT), await sha256Hex(script)];
    const sha256 = await sha256Hex(`${documentHash}  SKILL.md\n${scriptHash}  scripts/index.mjs\n`);
    expect(deployed).toMatchObject({ slug: "weather", version: "1", sha256, releaseChannel: "stable" });
    const { skillId, versionId, releaseId } = deployed;
    const activatedAt = Date.now();
    const entry = { moduleFormat: "esm", entryPoint: "scripts/index.mjs" };
    const activeRelease = {
      releaseId,
      versionId,
      version: "1",
      sha256,
      ...entry,
      releaseChannel: "stable",
      activatedAt,
    };
    expect(await list(t)).toEqual([
      {
        skillId,
        slug: "weather",
        displayName: "weather",
        description: "Tells the weather",
        status: "active",
        updatedAt: activatedAt,
        activeRelease,
      },
    ]);
    const { globalSkillFiles, globalSkillVersions } = await snapshotOfAllTables(t);
    expect(globalSkillFiles?.map(({ path }) => path)).toEqual(["SKILL.md", "scripts/index.mjs"]);
    expect(globalSkillVersions).toMatchObject([
      { fileCount: 2, sizeBytes: DOCUMENT.length + script.length, createdBy: "root" },
    ]);
  });

  it("of instructions only needs no program", async () => {
    const t = startComponent();
    await deploy(t);
    expect((await list(t))[0]?.activeRelease).toMatchObject({ moduleFormat: null, entryPoint: null });
  });

  it("again changes nothing but when", async () => {
    const t = startComponent();
    const first = await deploy(t);
    const before = await snapshotOfAllTables(t);
    expect(await deploy(t)).toEqual(first);
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("under a version that exists is refused if anything differs", async () => {
    const t = startComponent();
    const contents = { "scripts/index.mjs": "1", "scripts/index.cjs": "1" };
    await deploy(t, { contents });
    for (const change of [
      { contents: { "a.txt": "" } },
      { contents: {} },
      { contents, moduleFormat: "cjs" as const },
    ]) {
      const message = await expectRefused(t, "invalid_argument", async () => await deploy(t, change));
      expect(message).toContain("versions never change");
    }
  });

  it("of an earlier version goes back to it", async () => {
    const t = startComponent();
    const first = await deploy(t, { version: "1" });
    await deploy(t, { version: "2", contents: { "new.txt": "" } });
    const again = await deploy(t, { version: "1" });
    expect(again).toMatchObject({ versionId: first.versionId, version: "1" });
    expect(again.releaseId).not.toBe(first.releaseId);
    expect((await list(t))[0]?.activeRelease?.version).toBe("1");
  });

  it("keeps names that were given, and takes what SKILL.md says in their place", async () => {
    const t = startComponent();
    await deploy(t, { displayName: "Weather!", description: "given" });
    await deploy(t, { version: "2", contents: { "SKILL.md": "---\nname: other\ndescription: 'It''s new'\n---\n" } });
    expect(await list(t)).toMatchObject([{ displayName: "Weather!", description: "It''s new" }]);
  });
});

describe("a bundle is refused", () => {
  useFakeClock();

  it.each([
    [{ slug: "Weather" }, "slug"],
    [{ slug: "../x" }, "slug"],
    [{ slug: "a".repeat(65) }, "slug"],
    [{ version: " " }, "version"],
    [{ contents: { "../x": "" } }, "files"],
    [{ contents: { "a/../b": "" } }, "files"],
    [{ contents: { "/etc/passwd": "" } }, "files"],
    [{ contents: { "a b": "" } }, "files"],
    [{ contents: { "skill.md": "" } }, "files"],
    [{ contents: { a: "", "a/b": "" } }, "files"],
    [{ contents: { "SKILL.md": "no front matter" } }, "files"],
    [{ contents: { "SKILL.md": "---\nname: x\n---\n" } }, "files"],
    [{ contents: { "big.txt": "x".repeat(MAX_SKILL_FILE_BYTES + 1) } }, "files"],
    [{ contents: Object.fromEntries(Array.from({ length: 128 }, (_, index) => [`f${index}`, ""])) }, "files"],
    [
      { contents: Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`f${index}`, "x".repeat(500_000)])) },
      "files",
    ],
    [{ entryPoint: "scripts/none.mjs" }, "entryPoint"],
    [{ moduleFormat: "esm" as const }, "entryPoint"],
    [{ contents: { "run.cjs": "" }, entryPoint: "run.cjs", moduleFormat: "esm" as const }, "entryPoint"],
  ])("for %j: %s", async (wrong, argument) => {
    const t = startComponent();
    const before = await snapshotOfAllTables(t);
    await expect(deploy(t, wrong)).rejects.toMatchObject({ data: { kind: "invalid_argument", argument } });
    expect(await snapshotOfAllTables(t)).toEqual(before);
  });

  it("if a digest is not that of its content", async () => {
    const t = startComponent();
    const files = await prepareSkillFiles({ "SKILL.md": DOCUMENT, "a.txt": "a" });
    const mangled = files.map((file) => (file.path === "a.txt" ? { ...file, content: "b" } : file));
    const call = async () =>
      await t.action(
        async (ctx) => await ctx.runMutation(lib.deployGlobalSkill, { slug: "weather", version: "1", files: mangled }),
      );
    expect(await expectRefused(t, "invalid_argument", call)).toContain("a.txt");
  });

  it("beyond as many skills as there may be", async () => {
    const t = startComponent();
    await inComponent(t, async (ctx) => {
      for (let index = 0; index < MAX_SKILLS; index++) {
        const names = { slug: `s${index}`, displayName: `s${index}` };
        await ctx.db.insert("globalSkills", { ...names, status: "disabled", updatedAt: 0 });
      }
    });
    await expectRefused(t, "invalid_argument", async () => await deploy(t, { slug: "one-more" }));
    await deploy(t, { slug: "s0" });
  });

  it("beyond as many bytes as the active ones may have", async () => {
    const t = startComponent();
    for (let index = 0; index < 4; index++) await deploy(t, { slug: `s${index}` });
    await inComponent(t, async (ctx) => {
      for await (const { _id } of ctx.db.query("globalSkillVersions")) {
        await ctx.db.patch("globalSkillVersions", _id, { sizeBytes: MAX_MANIFEST_BYTES / 4 });
      }
    });
    const call = async () => await deploy(t, { slug: "one-more" });
    expect(await expectRefused(t, "invalid_argument", call)).toContain("Disable or shrink some");
    await setStatus(t, "s0", "disabled");
    await call();
    await expectRefused(t, "invalid_argument", async () => await setStatus(t, "s0", "active"));
  });
});

describe("what is old", () => {
  useFakeClock();

  it("goes: releases beyond the newest few, versions that none of them names, and their files", async () => {
    const t = startComponent();
    for (let version = 1; version <= RELEASES_KEPT + 2; version++) await deploy(t, { version: String(version) });
    // On the other channel the oldest that is kept counts, so it stays when this channel forgets it.
    await deploy(t, { version: "3", releaseChannel: "canary" });
    await deploy(t, { version: "new" });
    await runScheduled(t);
    const { globalSkillReleases, globalSkillVersions, globalSkillFiles } = await snapshotOfAllTables(t);
    expect(globalSkillReleases).toHaveLength(RELEASES_KEPT + 1);
    expect(globalSkillVersions?.map(({ version }) => version)).toEqual([
      "3",
      "4",
      "5",
      "6",
      "7",
      "8",
      "9",
      "10",
      "11",
      "12",
      "new",
    ]);
    expect(globalSkillFiles).toHaveLength(RELEASES_KEPT + 1);
    // A number whose version has been forgotten is free again.
    await deploy(t, { version: "1", contents: { "other.txt": "" } });
  });

  it("goes with the skill, however much it is, and its name is free at once", async () => {
    const t = startComponent();
    const contents = (mark: number) =>
      Object.fromEntries(Array.from({ length: 4 }, (_, index) => [`f${index}`, String(mark).repeat(500_000)]));
    for (let version = 1; version <= 9; version++)
      await deploy(t, { version: String(version), contents: contents(version) });
    await deploy(t, { version: "1", contents: contents(1), releaseChannel: "canary" });
    expect(await deleteSkill(t, "weather")).toEqual({
      deleted: true,
      slug: "weather",
      deletedVersions: 9,
      deletedReleases: 10,
    });
    expect(await list(t)).toEqual([]);
    await deploy(t, { version: "1" });
    await runScheduled(t);
    const { globalSkillFiles, globalSkillVersions } = await snapshotOfAllTables(t);
    expect([globalSkillFiles?.length, globalSkillVersions?.length]).toEqual([1, 1]);
    expect(await deleteSkill(t, "none")).toEqual({
      deleted: false,
      slug: "none",
      deletedVersions: 0,
      deletedReleases: 0,
    });
  });
});

import { describe, expect, it } from "vitest";
import { snapshotOfAllTables, useFakeClock } from "../component/setup.test-kit.js";
import { startApp } from "./app.test-kit.js";
import { prepareSkillFiles } from "./skill-files.js";

const DOCUMENT = "---\nname: weather\ndescription: Tells the weather\n---\n";

describe("preparing a skill's files", () => {
  it("adds digests, sorts, and leaves out what is hidden", async () => {
    const contents = {
      "b.txt": "",
      "SKILL.md": "x",
      ".af-global-skill.json": "{}",
      ".git/config": "",
      "a/.DS_Store": "",
    };
    const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    const x = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
    expect(await prepareSkillFiles(contents)).toEqual([
      { path: "SKILL.md", content: "x", sha256: x },
      { path: "b.txt", content: "", sha256: empty },
    ]);
  });

  it("does not hide a way out", async () => {
    expect((await prepareSkillFiles({ "../x": "" })).map(({ path }) => path)).toEqual(["../x"]);
  });
});

describe("an administrator's deployment", () => {
  useFakeClock();

  it("is written down under the name that auth gives, and can be withdrawn and deleted", async () => {
    const app = startApp(() => ({ userId: "root", isAdmin: true }));
    const files = await prepareSkillFiles({ "SKILL.md": DOCUMENT });
    const args = { slug: "weather", version: "1", files };
    await app.call("globalSkillsDeploy", args);
    await expect(app.call("globalSkillsDeploy", { ...args, actor: "somebody else" })).rejects.toThrow(/actor/);
    const { globalSkills, globalSkillVersions, globalSkillReleases } = await snapshotOfAllTables(app.t);
    expect(globalSkills).toMatchObject([{ updatedBy: "root" }]);
    expect(globalSkillVersions).toMatchObject([{ createdBy: "root" }]);
    expect(globalSkillReleases).toMatchObject([{ activatedBy: "root" }]);

    const off = { slug: "weather", status: "disabled" };
    expect(await app.call("globalSkillsSetStatus", off)).toEqual({ updated: true, ...off });
    expect(await app.call("globalSkillsSetStatus", off)).toEqual({ updated: false, ...off });
    expect(await app.call("globalSkillsList", { status: "active" })).toEqual([]);
    expect(await app.call("globalSkillsList", { status: "disabled" })).toMatchObject([{ slug: "weather" }]);
    expect(await app.call("globalSkillsDelete", { slug: "weather" })).toMatchObject({
      deleted: true,
      deletedVersions: 1,
    });
  });
});

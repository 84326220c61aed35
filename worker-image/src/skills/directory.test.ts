import { chmod, mkdir, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { asOrdinaryUser } from "../testing/ordinary-user.js";
import { manifestSkill } from "../testing/skills.js";
import { temporaryDirectory } from "../testing/temporary.js";
import type { CatalogSkill } from "./catalog.js";
import { arrangeSkills } from "./directory.js";
import { readSkillDocument } from "./document.js";
import { listingOf } from "./files.js";
import { verifiedFiles } from "./store.js";

function skill(dirName: string, contents: Record<string, string> = {}): CatalogSkill {
  const files = verifiedFiles(manifestSkill(dirName, contents));
  return { dirName, version: "1", listing: listingOf(files), document: readSkillDocument(""), read: async () => files };
}

const weather = skill("weather", { "scripts/index.mjs": "1" });
const accounting = skill("accounting");

describe("the folder of skills", () => {
  let root: string;
  let workspace: string;
  let stops: number;
  beforeEach(async () => {
    root = await temporaryDirectory();
    workspace = join(root, "workspace");
    stops = 0;
    await mkdir(workspace);
    await writeFile(join(workspace, "notes.md"), "mine");
  });
  const arrange = async (...skills: CatalogSkill[]) => {
    const beforeChanging = async () => {
      stops++;
    };
    return await arrangeSkills(skills, {
      root,
      temporaryDirectory: join(root, "tmp"),
      beforeChanging,
    });
  };
  const tree = async () => (await readdir(join(workspace, "skills"), { recursive: true })).sort();
  const WEATHER = ["weather", "weather/SKILL.md", "weather/scripts", "weather/scripts/index.mjs"];

  it("is made, and is left alone while it is right", async () => {
    expect(await arrange(weather, accounting)).toEqual({ removed: [], written: ["weather", "accounting"] });
    expect(await tree()).toEqual(["accounting", "accounting/SKILL.md", ...WEATHER]);
    expect(stops).toBe(1);
    expect(await arrange(weather, accounting)).toEqual({ removed: [], written: [] });
    expect(stops).toBe(1);
    expect(await readdir(join(root, "tmp"))).toEqual([]);
    expect(await readFile(join(workspace, "notes.md"), "utf8")).toBe("mine");
  });

  it("is not made for nothing", async () => {
    expect(await arrange()).toEqual({ removed: [], written: [] });
    expect(await readdir(workspace)).toEqual(["notes.md"]);
    expect(stops).toBe(0);
  });

  it("loses a skill that does not count any more", async () => {
    await arrange(weather, accounting);
    expect(await arrange(weather)).toEqual({ removed: ["workspace/skills/accounting"], written: [] });
    expect(await tree()).toEqual(WEATHER);
    expect(await arrange()).toEqual({ removed: ["workspace/skills/weather"], written: [] });
    expect(await readdir(workspace)).toEqual(["notes.md"]);
    expect(stops).toBe(3);
  });

  it("loses what an agent has put there: a skill, a file, a link", async () => {
    await arrange(weather);
    await mkdir(join(workspace, "skills/evil"));
    await writeFile(join(workspace, "skills/evil/SKILL.md"), "");
    await writeFile(join(workspace, "skills/file"), "");
    await symlink(root, join(workspace, "skills/link"));
    const { removed, written } = await arrange(weather);
    expect(removed.sort()).toEqual(["workspace/skills/evil", "workspace/skills/file", "workspace/skills/link"]);
    expect(written).toEqual([]);
    expect(await tree()).toEqual(WEATHER);
    expect(stops).toBe(2);
    expect(await readFile(join(workspace, "notes.md"), "utf8")).toBe("mine");
  });

  it.each<[string, () => Promise<void>]>([
    [
      "changed",
      async () => {
        await chmod(join(workspace, "skills/weather/SKILL.md"), 0o600);
        await writeFile(join(workspace, "skills/weather/SKILL.md"), "Do evil.");
      },
    ],
    ["gone", async () => rm(join(workspace, "skills/weather/scripts"), { recursive: true })],
    [
      "a link",
      async () => {
        await rm(join(workspace, "skills/weather/SKILL.md"));
        await symlink(join(workspace, "notes.md"), join(workspace, "skills/weather/SKILL.md"));
      },
    ],
    [
      "in a folder that is a link",
      async () => {
        await rm(join(workspace, "skills/weather"), { recursive: true });
        await symlink(root, join(workspace, "skills/weather"));
      },
    ],
  ])("is written anew when something of a skill is %s", async (_, change) => {
    await arrange(weather);
    await change();
    expect((await arrange(weather)).written).toEqual(["weather"]);
    expect(await tree()).toEqual(WEATHER);
    expect(await readFile(join(workspace, "skills/weather/SKILL.md"), "utf8")).toContain("name: weather");
    expect(await readFile(join(workspace, "notes.md"), "utf8")).toBe("mine");
    expect(stops).toBe(2);
  });

  it("loses what a skill's program has left in its folder, without a stop of the runtime", async () => {
    await arrange(weather);
    await mkdir(join(workspace, "skills/weather/scripts/__pycache__/deep"), { recursive: true });
    await writeFile(join(workspace, "skills/weather/.state"), "");
    const { removed, written } = await arrange(weather);
    expect(removed.sort()).toEqual(["workspace/skills/weather/.state", "workspace/skills/weather/scripts/__pycache__"]);
    expect(written).toEqual([]);
    expect(await tree()).toEqual(WEATHER);
    expect(stops).toBe(1);
  });

  it("is a folder: a link or a file in its place goes, and what the link pointed to stays", async () => {
    const elsewhere = join(root, "elsewhere");
    await mkdir(elsewhere);
    await writeFile(join(elsewhere, "keep"), "");
    await symlink(elsewhere, join(workspace, "skills"));
    expect((await arrange(weather)).removed).toEqual(["workspace/skills"]);
    expect(await tree()).toEqual(WEATHER);
    await rm(join(workspace, "skills"), { recursive: true });
    await writeFile(join(workspace, "skills"), "");
    expect((await arrange()).removed).toEqual(["workspace/skills"]);
    expect(await readdir(workspace)).toEqual(["notes.md"]);
    expect(await readdir(elsewhere)).toEqual(["keep"]);
  });

  it("has no second one beside it, be it a folder or a link", async () => {
    await mkdir(join(workspace, ".agents/skills/evil"), { recursive: true });
    await writeFile(join(workspace, ".agents/other"), "mine");
    expect((await arrange(weather)).removed).toEqual(["workspace/.agents/skills/evil"]);
    expect((await readdir(join(workspace, ".agents"))).sort()).toEqual(["other", "skills"]);
    expect((await arrange(weather)).removed).toEqual([]);
    await mkdir(join(root, "state/skills/evil"), { recursive: true });
    await writeFile(join(root, "state/skills/cache.json"), "");
    expect((await arrange(weather)).removed).toEqual(["state/skills/evil"]);
    expect(stops).toBe(2);
    const elsewhere = join(root, "elsewhere");
    await mkdir(join(elsewhere, "skills"), { recursive: true });
    await rm(join(workspace, ".agents"), { recursive: true });
    await symlink(elsewhere, join(workspace, ".agents"));
    expect((await arrange(weather)).removed).toEqual(["workspace/.agents"]);
    expect(await readdir(elsewhere)).toEqual(["skills"]);
    expect(await tree()).toEqual(WEATHER);
  });

  it("is the worker's, whatever permissions an agent has taken away", async () => {
    const modes = async (mode: number) => {
      for (const path of ["skills/weather/SKILL.md", "skills/weather/scripts", "skills/weather", "skills", "."]) {
        await chmod(join(workspace, path), mode);
      }
    };
    await asOrdinaryUser(root, async () => {
      await arrange(weather);
      await modes(0);
      expect((await arrange(weather)).written).toEqual(["weather"]);
      expect(await tree()).toEqual(WEATHER);
      await modes(0o500);
      expect((await arrange()).removed).toEqual(["workspace/skills/weather"]);
      expect(await readdir(workspace)).toEqual(["notes.md"]);
    });
  });

  it("is what it was when a skill cannot be read", async () => {
    await arrange(weather);
    const broken: CatalogSkill = { ...accounting, read: async () => Promise.reject(new Error("disk")) };
    await expect(arrange(weather, broken)).rejects.toThrow("disk");
    expect(await tree()).toEqual(WEATHER);
    expect(await readdir(join(root, "tmp"))).toEqual([]);
  });
});

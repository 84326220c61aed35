import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryDirectory } from "../testing/temporary.js";
import { missingFor, thisHost, type SkillHost } from "./requirements.js";

const nothing = { os: [], bins: [], anyBins: [], env: [] };
const host: SkillHost = {
  platform: "linux",
  hasProgram: async (name) => ["git", "node"].includes(name),
  hasVariable: (name) => name === "KEY",
};

describe("what a skill needs", () => {
  it.each([
    [nothing, null],
    [{ ...nothing, os: ["darwin", "linux"], bins: ["git"], anyBins: [["uv", "node"]], env: ["KEY"] }, null],
    [{ ...nothing, os: ["darwin", "win32"] }, /^runs on darwin, win32, and this is linux$/],
    [{ ...nothing, bins: ["git", "uv", "jq"] }, /not installed: uv, jq$/],
    [{ ...nothing, anyBins: [["git"], ["uv", "pip"]] }, /one of these programs.*: uv, pip$/],
    [{ ...nothing, env: ["KEY", "OTHER_KEY"] }, /does not have: OTHER_KEY$/],
  ])("%j", async (requirements, expected) => {
    const why = await missingFor(requirements, host);
    if (expected === null) expect(why).toBeNull();
    else expect(why).toMatch(expected);
  });
});

describe("this machine", () => {
  it("has the programs on its path that may be run", async () => {
    const directory = await temporaryDirectory();
    await writeFile(join(directory, "tool"), "#!/bin/sh\n");
    await chmod(join(directory, "tool"), 0o755);
    await writeFile(join(directory, "text"), "");
    await chmod(join(directory, "text"), 0o644);
    await mkdir(join(directory, "folder"));
    const { hasProgram } = thisHost({}, `/nowhere::${directory}`);
    const names = ["tool", "folder", "none", "", "../tool", `${directory}/tool`, "tool\0"];
    expect(await Promise.all(names.map(hasProgram))).toEqual([true, false, false, false, false, false, false]);
    // Only for somebody who is not root: root may run nothing that nobody may run, and this file nobody may.
    expect(await hasProgram("text")).toBe(false);
    expect(await thisHost({}).hasProgram("sh")).toBe(true);
  });

  it("has the agent's variables, and not its own", () => {
    const { hasVariable, platform } = thisHost({ KEY: "x", EMPTY: "" });
    expect([hasVariable("KEY"), hasVariable("EMPTY"), hasVariable("PATH")]).toEqual([true, false, false]);
    expect(platform).toBe(process.platform);
  });
});

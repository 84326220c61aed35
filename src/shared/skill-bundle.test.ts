import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  bundleDigestText,
  isSkillSlug,
  resolveEntryPoint,
  skillBundleProblem,
  skillPathProblem,
  summarizeSkillDocument,
} from "./skill-bundle.js";

const sha256 = "0".repeat(64);
const file = (path: string, sizeBytes = 1) => ({ path, sha256, sizeBytes });

describe("a slug", () => {
  it.each(["a", "weather", "weather-2", "2-weather", "a".repeat(64)])("may be %s", (slug) =>
    expect(isSkillSlug(slug)).toBe(true),
  );
  it.each(["", "-a", "a-", "a--b", "A", "a_b", "a.b", "a/b", "..", "ü", "a\n", "a".repeat(65)])(
    "may not be %j",
    (slug) => expect(isSkillSlug(slug)).toBe(false),
  );
});

describe("a path", () => {
  it.each(["SKILL.md", "a/b/c.txt", "scripts/index.mjs", "_a", "a-b_c.d", "com", "console.txt"])("may be %s", (path) =>
    expect(skillPathProblem(path)).toBeNull(),
  );
  it.each([
    "",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "a/../b",
    "./a",
    ".git",
    "a/.git",
    "-rf",
    "a b",
    "a\\b",
    "C:/a",
    "a\0",
    "a\n",
    "a:b",
    "ä",
    "con",
    "a/NUL.txt",
    "com1",
    "a.",
    "1/2/3/4/5/6/7/8/9",
    "a".repeat(257),
  ])("may not be %j", (path) => expect(skillPathProblem(path)).not.toBeNull());

  it("never leads out of a folder, whatever it is", () => {
    const part = fc.constantFrom("..", ".", "", "a", "b.txt", "\\", "/", "~", " ");
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part, { maxLength: 9 }).map((parts) => parts.join("/")),
        ),
        (path) => {
          if (skillPathProblem(path) !== null) return;
          expect(new URL(path, "file:///skills/weather/").pathname).toBe(`/skills/weather/${path}`);
        },
      ),
    );
  });
});

describe("a bundle", () => {
  it("is any number of files within the limits, one of them SKILL.md", () => {
    expect(skillBundleProblem([file("SKILL.md")])).toBeNull();
    const many = Array.from({ length: 127 }, (_, index) => file(`f${index}`));
    expect(skillBundleProblem([file("SKILL.md"), ...many])).toBeNull();
    expect(skillBundleProblem([file("SKILL.md"), ...many, file("f127")])).toMatch(/at most 128 files/);
    expect(skillBundleProblem([])).toMatch(/needs a file SKILL\.md/);
    expect(skillBundleProblem([file("skill.md")])).toMatch(/needs a file SKILL\.md/);
    expect(skillBundleProblem([{ ...file("SKILL.md"), sha256: "F".repeat(64) }])).toMatch(/lowercase hex/);
    expect(skillBundleProblem([file("SKILL.md"), file("a/b"), file("A")])).toMatch(/both a file and a folder/);
    expect(skillBundleProblem([file("SKILL.md"), file("a/b"), file("A/B")])).toMatch(/occurs twice/);
  });

  it("has one digest, in whatever order its files come", () => {
    const files = [file("b"), file("SKILL.md"), file("a/c"), file("a.b")];
    expect(bundleDigestText(files)).toBe(
      ["SKILL.md", "a.b", "a/c", "b"].map((path) => `${sha256}  ${path}\n`).join(""),
    );
    expect(bundleDigestText(files.toReversed())).toBe(bundleDigestText(files));
  });
});

describe("the entry point", () => {
  const both = ["SKILL.md", "scripts/index.mjs", "scripts/index.cjs", "run.js"];
  it.each([
    [["SKILL.md"], {}, { entryPoint: null, moduleFormat: null }],
    [both, {}, { entryPoint: "scripts/index.mjs", moduleFormat: "esm" }],
    [both, { moduleFormat: "cjs" as const }, { entryPoint: "scripts/index.cjs", moduleFormat: "cjs" }],
    [["scripts/index.cjs"], {}, { entryPoint: "scripts/index.cjs", moduleFormat: "cjs" }],
    [both, { entryPoint: "run.js" }, { entryPoint: "run.js", moduleFormat: "esm" }],
    [both, { entryPoint: "run.js", moduleFormat: "cjs" as const }, { entryPoint: "run.js", moduleFormat: "cjs" }],
  ])("of %j with %j is %j", (paths, wanted, entry) => expect(resolveEntryPoint(paths, wanted)).toEqual(entry));

  it("is one of the files, and of the format its name says", () => {
    expect(resolveEntryPoint(both, { entryPoint: "none.mjs" })).toHaveProperty("problem");
    expect(resolveEntryPoint(["SKILL.md"], { moduleFormat: "esm" })).toHaveProperty("problem");
    expect(resolveEntryPoint(both, { entryPoint: "scripts/index.cjs", moduleFormat: "esm" })).toHaveProperty("problem");
  });
});

describe("a glance at SKILL.md", () => {
  it.each([
    ["---\nname: a\ndescription: b c\n---\n", { name: "a", description: "b c" }],
    ["---\r\nname: 'a'\r\ndescription: \"b\"\r\n---\r\ntext", { name: "a", description: "b" }],
    ["---\nname: a\ndescription: >\n  long\n---\n", { name: "a", description: null }],
    ["---\nname: a\ndescription:\n  long\n---\n", { name: "a", description: null }],
  ])("%j sees %j", (text, summary) => expect(summarizeSkillDocument(text)).toEqual(summary));

  it.each([
    "",
    "name: a",
    "---\nname: a\ndescription: b\n",
    "---\nname: a\n---\n",
    "---\nname:\ndescription: b\n---\n",
  ])("refuses %j", (text) => expect(summarizeSkillDocument(text)).toHaveProperty("problem"));
});

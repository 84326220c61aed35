import { describe, expect, it } from "vitest";
import { readSkillDocument } from "./document.js";

const nothing = { os: [], bins: [], anyBins: [], env: [] };

function read(matter: string) {
  const result = readSkillDocument(`---\n${matter}\n---\nText\n`);
  if (!result.ok) throw new Error(result.why);
  return result.document;
}

function why(text: string): string {
  const result = readSkillDocument(text);
  if (result.ok) throw new Error("It was read.");
  return result.why;
}

describe("the front matter of a skill", () => {
  it("says what it is called and for", () => {
    expect(read("name: weather\ndescription: >\n  Tells the\n  weather\nlicense: MIT")).toEqual({
      name: "weather",
      description: "Tells the weather",
      requirements: nothing,
    });
    expect(readSkillDocument("\ufeff---\r\nname: a\r\ndescription: b\r\n---\r\n")).toMatchObject({ ok: true });
    expect(readSkillDocument("---\nname: a\ndescription: b\n---")).toMatchObject({ ok: true });
  });

  it("says what it needs, in metadata or in a section of it, as a list or a word", () => {
    const about = "name: a\ndescription: b\n";
    expect(
      read(
        `${about}metadata: {"some": {"requires": {"bins": ["uv"], "env": ["KEY"], "anyBins": ["x", "y"]}, "os": "linux"}}`,
      ),
    ).toMatchObject({
      requirements: { os: ["linux"], bins: ["uv"], env: ["KEY"], anyBins: [["x", "y"]] },
    });
    expect(
      read(
        `${about}metadata:\n  {\n    "some":\n      { "emoji": "x", "install": [{ "id": "brew" }], "requires": { "bins": ["gemini"], }, },\n  }`,
      ),
    ).toMatchObject({
      requirements: { ...nothing, bins: ["gemini"] },
    });
    expect(
      read(
        `${about}metadata:\n  author: somebody\n  version: "1.0"\n  requires:\n    bins: git\n  other:\n    requires:\n      bins: [uv]`,
      ),
    ).toMatchObject({
      requirements: { ...nothing, bins: ["git", "uv"] },
    });
    expect(read(`${about}metadata: {"some": {"always": true, "requires": {"bins": ["uv"]}}}`)).toMatchObject({
      requirements: nothing,
    });
  });

  it.each([
    ["text", "no front matter"],
    ["---\nname: a\ndescription: b\n", "no front matter"],
    ["---\nname: [\n---\n", "no YAML"],
    ["---\n\n---\n", "not valid"],
    ["---\ndescription: b\n---\n", "not valid (name)"],
    ["---\nname: a\ndescription: ''\n---\n", "not valid (description)"],
    ["---\nname: a\ndescription: b\nmetadata: {x: {requires: python}}\n---\n", "no known way"],
    [`---\nname: a\ndescription: ${"x".repeat(33_000)}\n---\n`, "too long"],
    [
      "---\na: &a [x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\nname: a\ndescription: b\n---\n",
      "cannot be read",
    ],
  ])("of %j is refused: %s", (text, reason) => {
    expect(why(text)).toContain(reason);
  });
});

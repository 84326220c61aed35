import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseInline, parseRichText, type Block, type Inline } from "./rich-text";

function textOf(parts: Inline[]): string {
  return parts.map((part) => part.text).join("");
}

function blockText(block: Block): string {
  switch (block.kind) {
    case "paragraph":
      return block.lines.map(textOf).join("\n");
    case "heading":
      return textOf(block.content);
    case "list":
      return block.items.map(textOf).join("\n");
    case "code":
      return block.text;
  }
}

describe("parseRichText", () => {
  it("separates paragraphs at blank lines and keeps single line breaks", () => {
    expect(parseRichText("one\ntwo\n\nthree")).toEqual([
      {
        kind: "paragraph",
        lines: [[{ kind: "text", text: "one" }], [{ kind: "text", text: "two" }]],
      },
      { kind: "paragraph", lines: [[{ kind: "text", text: "three" }]] },
    ]);
  });

  it("recognizes bullet and numbered lists, also right after a paragraph", () => {
    const blocks = parseRichText("Notes:\n- a\n- b\n1. first\n2) second");
    expect(blocks.map((block) => block.kind)).toEqual(["paragraph", "list", "list"]);
    expect(blocks.map((block) => (block.kind === "list" ? block.ordered : null))).toEqual([null, false, true]);
    expect(blocks.map(blockText)).toEqual(["Notes:", "a\nb", "first\nsecond"]);
  });

  it("keeps code as it is, also while its closing fence is still to come", () => {
    expect(parseRichText("```ts\nconst a = **1**;\n```")).toEqual([{ kind: "code", text: "const a = **1**;" }]);
    expect(parseRichText("```\nhalf")).toEqual([{ kind: "code", text: "half" }]);
    expect(parseRichText("```")).toEqual([{ kind: "code", text: "" }]);
  });

  it("loses no word of any text", () => {
    const word = fc.stringMatching(/^[a-z]{1,8}$/);
    const line = fc.tuple(fc.constantFrom("", "- ", "1. ", "# "), fc.array(word, { minLength: 1, maxLength: 6 }));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 12 }), (lines) => {
        const source = lines.map(([mark, words]) => mark + words.join(" ")).join("\n");
        const shown = parseRichText(source).map(blockText).join(" ").split(/\s+/).filter(Boolean);
        expect(shown).toEqual(lines.flatMap(([, words]) => words));
      }),
    );
  });

  it("never throws, whatever an agent writes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 100 }), (source) => {
        expect(Array.isArray(parseRichText(source))).toBe(true);
      }),
    );
  });

  it.each([
    ["opening brackets", "[".repeat(100_000)],
    ["unfinished links", "[a](http://x".repeat(10_000)],
    ["unfinished bold", "**a".repeat(30_000)],
    ["backticks", "`".repeat(100_000)],
    ["fences", "```\n".repeat(25_000)],
    ["addresses", "http://".repeat(15_000)],
  ])("takes no more than linear time for many %s", (_name, source) => {
    const startedAt = performance.now();
    parseRichText(source);
    // Quadratic time would be minutes; a loaded machine needs well below this.
    expect(performance.now() - startedAt).toBeLessThan(5_000);
  });
});

describe("parseInline", () => {
  it("recognizes code, bold and links within a line", () => {
    expect(parseInline("see `notes.md`, **now**, [here](https://example.com/a) or https://example.com.")).toEqual([
      { kind: "text", text: "see " },
      { kind: "code", text: "notes.md" },
      { kind: "text", text: ", " },
      { kind: "bold", text: "now" },
      { kind: "text", text: ", " },
      { kind: "link", text: "here", href: "https://example.com/a" },
      { kind: "text", text: " or " },
      { kind: "link", text: "https://example.com", href: "https://example.com" },
      { kind: "text", text: "." },
    ]);
  });

  it("makes links of http and https only", () => {
    const hrefs = parseInline("[x](javascript:alert(1)) [y](data:text/html,z) javascript:alert(2)").filter(
      (part) => part.kind === "link",
    );
    expect(hrefs).toEqual([]);
  });
});

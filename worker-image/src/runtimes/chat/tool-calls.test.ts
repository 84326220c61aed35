/** Calls of tools are put together rightly, whatever peculiar way a provider has of sending them. */
import { describe, expect, it } from "vitest";
import { replayable, ToolCallPieces, type CallPiece } from "./tool-calls.js";

function together(...pieces: CallPiece[]) {
  const calls = new ToolCallPieces();
  for (const piece of pieces) calls.add(piece);
  return calls.all().map(({ id, name, arguments: written }) => `${id} ${name} ${written}`);
}
const of = (name: string | null, written: string) => ({ name, arguments: written });

describe("calls of tools", () => {
  it("come in pieces, by their indexes", () => {
    expect(
      together(
        { index: 1, id: "b", function: of("list", "") },
        { index: 0, id: "a", function: of("read", "{") },
        { index: 0, function: of(null, '"path":1}') },
        { index: 1, function: of(null, "{}") },
      ),
    ).toEqual(['a read {"path":1}', "b list {}"]);
  });

  it.each<[string, Partial<CallPiece>[]]>([
    ["without an index", [{}, {}]],
    ["with none for an index", [{ index: null }, { index: null }]],
    ["all with the same index", [{ index: 0 }, { index: 0 }]],
  ])("come whole, %s", (_, [first, second]) => {
    const pieces = [
      { ...first, id: "a", function: of("read", '{"n":1}') },
      { ...second, id: "b", function: of("read", '{"n":2}') },
    ];
    expect(together(...pieces)).toEqual(['a read {"n":1}', 'b read {"n":2}']);
  });

  it("are one when the name comes again with each piece, or another id does", () => {
    const again = [
      { index: 0, id: "a", function: of("read", '{"n"') },
      { index: 0, id: "a", function: of("read", ":1}") },
    ];
    expect(together(...again)).toEqual(['a read {"n":1}']);
    const renamed = [
      { index: 0, id: "a", function: of("read", '{"n"') },
      { index: 0, id: "b", function: of(null, ":1}") },
    ];
    expect(together(...renamed)).toEqual(['a read {"n":1}']);
    expect(together({ index: 0, id: "a" }, { index: 0, id: null, function: null })).toEqual(["a  "]);
  });

  it("come to an end", () => {
    const many = Array.from({ length: 33 }, (_, index) => ({ index, id: `${index}` }));
    expect(() => together(...many)).toThrow("more than 32 tools at once");
    expect(() => together({ index: 0, function: of("x", "x".repeat(2 * 1024 * 1024 + 1)) })).toThrow(
      "more into one tool",
    );
  });

  it("are sent again only as a provider takes them", () => {
    const sent = (name: string, written: string) => {
      const { name: called, arguments: given } = replayable({ id: "a", name, arguments: written });
      return [called, given];
    };
    expect(sent("read_file", '{"path": "a"}')).toEqual(["read_file", '{"path": "a"}']);
    expect(sent("functions.read file", "[]")).toEqual(["functions_read_file", "{}"]);
    expect(sent("", '"text"')).toEqual(["unknown", "{}"]);
    expect(sent("x".repeat(70), '{"path":')).toEqual(["x".repeat(64), "{}"]);
  });
});

/** Reads the component's sources as a graph: no import cycles, no domain without a floor, no table touched by a stranger. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { FLOORS, PROVIDERS } from "../../eslint.layers.js";
import { repositoryRoot } from "./linter.js";

const component = join(repositoryRoot, "src/component");

/** Source files, tests and generated code left out; paths relative to the component. */
const files = readdirSync(component, { recursive: true, encoding: "utf8" })
  .filter((path) => /\.tsx?$/.test(path) && !/\.test(-kit)?\.tsx?$/.test(path) && !path.includes("_generated"))
  .sort();

function importsOf(file: string): string[] {
  const source = readFileSync(join(component, file), "utf8");
  return ts
    .preProcessFile(source, true, true)
    .importedFiles.map((imported) => imported.fileName)
    .filter((specifier) => specifier.startsWith(".") && !specifier.includes("_generated"))
    .map((specifier) => relative(component, resolve(component, dirname(file), specifier.replace(/\.js$/, ".ts"))))
    .filter((path) => !path.startsWith(".."));
}

/** The first cycle reachable in `graph`, as the list of its files, or null. */
export function findCycle(graph: ReadonlyMap<string, readonly string[]>): string[] | null {
  const finished = new Set<string>();
  function visit(file: string, path: string[]): string[] | null {
    const start = path.indexOf(file);
    if (start !== -1) return [...path.slice(start), file];
    if (finished.has(file)) return null;
    for (const next of graph.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle !== null) return cycle;
    }
    finished.add(file);
    return null;
  }
  for (const file of graph.keys()) {
    const cycle = visit(file, []);
    if (cycle !== null) return cycle;
  }
  return null;
}

describe("import cycles", () => {
  it("are found in a graph that has one, and only there", () => {
    const line = new Map([
      ["a", ["b", "c"]],
      ["b", ["c"]],
      ["c", []],
    ]);
    expect(findCycle(line)).toBeNull();
    expect(findCycle(new Map([...line, ["c", ["b"]]]))).toEqual(["b", "c", "b"]);
    expect(findCycle(new Map([["a", ["a"]]]))).toEqual(["a", "a"]);
  });

  it("do not exist in the component", () => {
    const graph = new Map(files.map((file) => [file, importsOf(file)]));
    const edges = [...graph.values()].flat();
    for (const target of edges) expect(existsSync(join(component, target)), target).toBe(true);
    expect(findCycle(graph)?.join(" → ") ?? "none").toBe("none");
  });
});

describe("domains", () => {
  it("all have a floor, so that no folder escapes the layer rules", () => {
    const folders = readdirSync(component, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && entry.name !== "_generated")
      .map((entry) => entry.name);
    const known = new Set([...FLOORS.flat(), PROVIDERS]);
    expect(folders.filter((folder) => !known.has(folder))).toEqual([]);
  });

  it("read and write their own tables only", () => {
    const owners = new Map<string, string>();
    for (const file of files.filter((path) => path.endsWith("/tables.ts"))) {
      for (const [, table] of readFileSync(join(component, file), "utf8").matchAll(/^\s*(\w+): defineTable\(/gm)) {
        if (table !== undefined) owners.set(table, dirname(file));
      }
    }
    const strangers: string[] = [];
    for (const file of files) {
      const source = readFileSync(join(component, file), "utf8");
      for (const [, method, table] of source.matchAll(/\bdb\s*\.(\w+)\(\s*"(\w+)"/g)) {
        const owner = owners.get(table ?? "");
        if (owner !== undefined && !file.startsWith(`${owner}/`)) {
          strangers.push(`${file}: db.${String(method)}("${String(table)}") belongs to ${owner}`);
        }
      }
    }
    expect(strangers).toEqual([]);
  });
});

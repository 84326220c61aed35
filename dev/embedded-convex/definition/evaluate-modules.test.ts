/** What bundled modules find when they are evaluated: the web's globals, their own environment, and nothing of Node. */
import { describe, expect, it } from "vitest";
import { evaluateModules } from "./evaluate-modules.js";

async function exportsOf(modules: Record<string, string>, environment: Record<string, string> = {}) {
  return (await evaluateModules(new Map(Object.entries(modules)), environment)).load("entry.js");
}

describe("evaluateModules", () => {
  it("links the modules of a set", async () => {
    const exports = await exportsOf({
      "entry.js": `import { one } from "./deep/chunk.js"; export const two = one + 1;`,
      "deep/chunk.js": `export { one } from "../other.js";`,
      "other.js": `export const one = 1;`,
    });
    expect(exports["two"]).toBe(2);
  });

  it("shows web globals and the given environment, and nothing of Node", async () => {
    const names = ["Buffer", "require", "global", "setImmediate", "__dirname", "module"];
    const exports = await exportsOf(
      {
        "entry.js": `
          export const missing = ${JSON.stringify(names)}.filter((name) => globalThis[name] === undefined).length;
          export const web = [typeof crypto.subtle, typeof fetch, typeof TextEncoder, typeof URL].join();
          export const processKeys = Object.keys(process).join();
          export const variables = JSON.stringify(process.env);`,
      },
      { KEY: "value" },
    );
    expect(exports["missing"]).toBe(names.length);
    expect(exports["web"]).toBe("object,function,function,function");
    expect(exports["processKeys"]).toBe("env");
    expect(exports["variables"]).toBe(`{"KEY":"value"}`);
  });

  it("names the module that fails, and only that one", async () => {
    const evaluated = await evaluateModules(
      new Map([
        ["good.js", "export const fine = true;"],
        ["bad.js", `Buffer.from("x"); export const fine = true;`],
      ]),
    );
    expect(evaluated.load("good.js")["fine"]).toBe(true);
    expect(() => evaluated.load("bad.js")).toThrow("Evaluating bad.js failed: Buffer is not defined");
  });

  it("refuses imports from outside the set", async () => {
    await expect(exportsOf({ "entry.js": `import "node:fs";` })).rejects.toThrow(/imports "node:fs"/);
    await expect(exportsOf({ "entry.js": `import "./gone.js";` })).rejects.toThrow(/imports "\.\/gone\.js"/);
  });
});

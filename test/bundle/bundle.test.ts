/**
 * The component and the example, bundled as for Convex, run where nothing of Node exists. A test in Node would not
 * notice an import of its modules or a use of its globals.
 */
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { changesTo } from "../../dev/codegen/changes.js";
import { generate } from "../../dev/codegen/generate.js";
import type { ComponentInstance } from "../../dev/embedded-convex/definition.js";
import { loadAppDefinition } from "../../dev/embedded-convex/definition/load.js";
import { ownPackageSources } from "../../dev/embedded-convex/definition/project-files.js";
import { checkForConvex, type RuntimeCheck } from "./runtime-check.js";

const repository = fileURLToPath(new URL("../..", import.meta.url));

describe.each(["the component", "the example"] as const)("%s in Convex's runtime", (title) => {
  let check: RuntimeCheck;
  beforeAll(async () => {
    const { root } = await loadAppDefinition(repository);
    const component = root.children.find(({ path }) => path === "agentFactory");
    const instance: ComponentInstance | undefined = title === "the example" ? root : component;
    if (instance === undefined) throw new Error("The example does not install the component as agentFactory.");
    check = await checkForConvex(instance.directory, instance.schemaFile, await ownPackageSources(repository));
  });

  it("needs nothing of Node, and every public function validates arguments and result", () => {
    expect(check.problems).toEqual([]);
  });

  it("registers public functions, so that there was something to check", () => {
    expect([...check.functions.values()].filter(({ visibility }) => visibility.kind === "public")).not.toEqual([]);
  });
});

describe("the generated code", () => {
  it("is what `npm run codegen` generates from these functions, schemas and env variables", async () => {
    const generated = await generate(repository);
    expect(generated.appFailure).toBeNull();
    expect((await changesTo(repository, generated)).map(({ kind, path }) => `${kind} ${path}`)).toEqual([]);
  });
});

describe("the check itself", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "convex-bundle-test-"));
    await symlink(join(repository, "node_modules"), join(directory, "node_modules"), "dir");
  });
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  async function problemsOf(name: string, files: Readonly<Record<string, string>>): Promise<string> {
    for (const [path, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name, path)), { recursive: true });
      await writeFile(join(directory, name, path), content);
    }
    return (await checkForConvex(join(directory, name), null, new Map())).problems.join("\n");
  }

  /** A public query whose handler is `body`. */
  const queryWith = (body: string, before = "") => `
    ${before}
    import { queryGeneric } from "convex/server";
    import { v } from "convex/values";
    export const read = queryGeneric({ args: {}, returns: v.any(), handler: async () => ${body} });`;

  it("passes what Convex has", async () => {
    const source = queryWith(
      `[process.env.KEY, crypto.randomUUID(), new URL("http://x"), new TextEncoder(), helper()]`,
    );
    const module = `import { helper } from "./deep/helper.js";${source}`;
    const helper = "export function helper(Buffer = 1) { const process = 2; return Buffer + process; }";
    expect(await problemsOf("fine", { "a.ts": module, "b.ts": module, "deep/helper.ts": helper })).toBe("");
  });

  it.each([
    ["a module of Node", queryWith(`createHash("sha1")`, `import { createHash } from "node:crypto";`), /node:crypto/],
    [
      "one without its prefix",
      queryWith("readFileSync", `import { readFileSync } from "fs";`),
      /Could not resolve "fs"/,
    ],
    ["Buffer while imported", queryWith("x", `const x = Buffer.from("x");`), /Buffer is not defined/],
    ["Buffer in a handler", queryWith(`Buffer.from("x")`), /bites\S*\.ts uses Buffer, which only Node has/],
    ["globalThis.Buffer", queryWith("globalThis.Buffer"), /uses Buffer/],
    ["process beyond env", queryWith("process.version"), /uses process/],
    ["setImmediate", queryWith("setImmediate(() => {})"), /uses setImmediate/],
    ["the folder of a module", queryWith("__dirname"), /uses __dirname/],
    ["require", queryWith("require(process.env.KEY)"), /uses require at run time/],
    ["the Node runtime", `"use node";${queryWith("1")}`, /asks for the Node runtime/],
    ["no args", queryWith("1").replace("args: {}, ", ""), /read is public and has no args validator/],
    ["no returns", queryWith("1").replace("returns: v.any(), ", ""), /read is public and has no returns validator/],
  ])("finds %s", async (title, source, problem) => {
    const name = `bites-${title.replace(/\W/g, "-")}`;
    expect(await problemsOf(name, { [`${name.replaceAll("-", "")}.ts`]: source })).toMatch(problem);
  });

  it("lets internal functions go without validators", async () => {
    const source = queryWith("1").replace("returns: v.any(), ", "").replaceAll("queryGeneric", "internalQueryGeneric");
    expect(await problemsOf("internal", { "a.ts": source })).toBe("");
  });

  it("finds a module that leans on what another one left behind", async () => {
    const first = "globalThis.left = 1;\nexport {};";
    const second = `if (globalThis.left === undefined) throw new Error("nothing left");\nexport {};`;
    expect(await problemsOf("leaning", { "a.ts": first, "b.ts": second })).toMatch(/b\.js failed: nothing left/);
  });
});

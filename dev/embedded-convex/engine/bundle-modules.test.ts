/** Which modules run where, and that bundles follow their sources. */
import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ComponentInstance } from "../definition.js";
import { bundleInstance } from "./bundle-modules.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "bundle-test-"));
});
afterEach(async () => {
  await rm(directory, { recursive: true, force: true });
});

async function bundle(files: Record<string, string>): Promise<{ runtime: string; code: string }[]> {
  const modules: Record<string, string> = {};
  for (const [name, source] of Object.entries(files)) {
    const file = join(directory, `${name}.ts`);
    await writeFile(file, source);
    modules[name] = file;
  }
  const instance: ComponentInstance = {
    path: "",
    directory,
    modules,
    schemaFile: null,
    declaredEnv: null,
    envBindings: {},
    httpPrefix: null,
    children: [],
  };
  return await bundleInstance(instance, join(directory, "out", "bundle.cjs"), new Map());
}

describe("bundles", () => {
  it("separates modules with the directive, also behind comments and other directives", async () => {
    const bundles = await bundle({
      plain: 'export const text = "use node";',
      commented: '// a comment\n/* and\nanother */\n"use strict";\n"use node";\nexport const a = 1;',
      single: "'use node'\nexport const b = 1;",
    });
    expect(bundles.map(({ runtime }) => runtime)).toEqual(["convex", "node"]);
    expect(bundles[0]?.code).toContain("plain.ts");
    expect(bundles[1]?.code).toMatch(/commented\.ts[\s\S]*single\.ts/);
  });

  it("are made anew when a source has changed, that of an imported file too", async () => {
    const importing = 'import { text } from "./imported.js"; export const shown = text;';
    await writeFile(join(directory, "imported.ts"), 'export const text = "before";');
    const first = await bundle({ importing });
    expect(first[0]?.code).toContain("before");
    expect((await bundle({ importing }))[0]?.code).toBe(first[0]?.code);
    await writeFile(join(directory, "imported.ts"), 'export const text = "behind";');
    // As much text, written within the same tick of a coarse clock: still another file.
    await utimes(join(directory, "imported.ts"), new Date(), new Date(Date.now() + 5_000));
    expect((await bundle({ importing }))[0]?.code).toContain("behind");
  });

  it("say what does not compile", async () => {
    await expect(bundle({ broken: "export const x = ;" })).rejects.toThrow(/broken\.ts/);
    await expect(bundle({ awaiting: "export const x = await Promise.resolve(1);" })).rejects.toThrow(/Top-level await/);
    await expect(bundle({ nodes: 'import { readFile } from "node:fs"; export const x = readFile;' })).rejects.toThrow(
      /Could not resolve "node:fs"/,
    );
  });
});

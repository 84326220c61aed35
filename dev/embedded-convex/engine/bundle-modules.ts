/** Bundles one component's modules into JavaScript that Node can import, each module evaluated on first use. */
import { readFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import { build, type BuildOptions, type Plugin } from "esbuild";
import type { ComponentInstance } from "../definition.js";
import { compileOnce } from "./bundle-cache.js";

/** Under this name the schema stands beside the modules of a bundle, whose paths never begin with a colon. */
export const SCHEMA_ENTRY = ":schema";

export interface Bundle {
  runtime: "convex" | "node";
  /**
   * A CommonJS file that exports `modules`: module path → function that evaluates it. CommonJS, because Node can forget
   * such a file again; and as on Convex, there is no `await` at the top level of a module. Source map inline.
   */
  code: string;
}

/**
 * @param instance whose `modules` and `schemaFile` are bundled.
 * @param outputFile where the code will be saved, so that its source map can name the sources relative to it.
 * @param ownSources files by import specifier, for what the project imports of its own package.
 * @returns one bundle for the modules of Convex's own runtime and, if there are any, one for those with `"use node"`.
 * @throws with esbuild's messages if a module does not compile.
 */
export async function bundleInstance(
  instance: ComponentInstance,
  outputFile: string,
  ownSources: ReadonlyMap<string, string>,
): Promise<Bundle[]> {
  const byRuntime = { convex: new Map<string, string>(), node: new Map<string, string>() };
  for (const [path, file] of Object.entries(instance.modules)) {
    byRuntime[usesNode(await readFile(file, "utf8")) ? "node" : "convex"].set(path, file);
  }
  if (instance.schemaFile !== null) byRuntime.convex.set(SCHEMA_ENTRY, instance.schemaFile);
  const bundles: Bundle[] = [];
  for (const runtime of ["convex", "node"] as const) {
    const files = byRuntime[runtime];
    if (files.size === 0) continue;
    const entries = [...files].map(([path, file]) => `${JSON.stringify(path)}: () => import(${JSON.stringify(file)})`);
    const contents = `module.exports = { modules: { ${entries.join(",\n")} } };`;
    bundles.push({ runtime, code: await compile(contents, instance.directory, outputFile, runtime, ownSources) });
  }
  return bundles;
}

/** Bundles one file (`auth.config.ts`) to CommonJS, which can be evaluated again whenever the environment changes. */
export async function bundleScript(file: string, directory: string): Promise<string> {
  const contents = `module.exports = require(${JSON.stringify(file)});`;
  return await compile(contents, directory, file, "convex", new Map());
}

async function compile(
  contents: string,
  directory: string,
  outputFile: string,
  runtime: Bundle["runtime"],
  ownSources: ReadonlyMap<string, string>,
): Promise<string> {
  // The options of Convex's own bundler, without minification and code splitting.
  const options = {
    stdin: { contents, resolveDir: directory, loader: "js", sourcefile: "modules.js" },
    bundle: true,
    write: false,
    outfile: outputFile,
    format: "cjs",
    target: "esnext",
    platform: runtime === "node" ? "node" : "browser",
    conditions: ["convex", "module"],
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"' },
    external: ["node:async_hooks"],
    plugins: [ownPackage(ownSources), runtime === "node" ? hideHostProcess : asyncHooks],
    absWorkingDir: directory,
    metafile: true,
    sourcemap: "inline",
    logLevel: "silent",
    keepNames: true,
  } satisfies BuildOptions;
  // The source map names the sources relative to the output, whose folder may be another one each time.
  const { stdin, define, platform } = options;
  const key = JSON.stringify([stdin, define, platform, relative(dirname(outputFile), directory), [...ownSources]]);
  return await compileOnce(key, async () => {
    const { outputFiles, metafile } = await build(options);
    const [output] = outputFiles;
    if (output === undefined) throw new Error(`esbuild wrote no bundle for ${directory}`);
    const sourceFiles = Object.keys(metafile.inputs).map((input) => resolve(directory, input));
    return { code: output.text, sourceFiles };
  });
}

/** A project that imports its own package by name gets the sources, so that development needs no build. */
function ownPackage(ownSources: ReadonlyMap<string, string>): Plugin {
  return {
    name: "own-package",
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path }) => {
        const file = ownSources.get(path);
        return file === undefined ? undefined : { path: file };
      });
    },
  };
}

/** Convex's runtime offers AsyncLocalStorage under Node's name. */
const asyncHooks: Plugin = {
  name: "async-hooks",
  setup(build) {
    build.onResolve({ filter: /^async_hooks$/ }, () => ({ path: "node:async_hooks", external: true }));
  },
};

/** `import process from "node:process"` would reach around the instance's own `process`, to the host's environment. */
const hideHostProcess: Plugin = {
  name: "hide-host-process",
  setup(build) {
    build.onResolve({ filter: /^(?:node:)?process$/ }, () => ({ path: "process", namespace: "instance-process" }));
    build.onLoad({ filter: /.*/, namespace: "instance-process" }, () => ({
      contents: "module.exports = globalThis.process;",
      loader: "js",
    }));
  },
};

/** A `"use node"` directive may follow comments and other directives, but no statement. */
function usesNode(source: string): boolean {
  const code = source.replace(/^(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/, "");
  const directives = /^(?:(?:"[^"\n]*"|'[^'\n]*')\s*;?(?:\s|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*)+/.exec(code)?.[0] ?? "";
  return /["']use node["']/.test(directives);
}

/** Bundles the functions of a folder as the Convex CLI does for its runtime, and finds what that runtime does not have. */
import { readFile } from "node:fs/promises";
import { build, type BuildOptions, type OutputFile, type Plugin } from "esbuild";
import { listModules } from "../../dev/embedded-convex/definition/list-modules.js";

/** Globals of Node that are not on the web. `process` exists in Convex, but with nothing in it except `env`. */
const NODE_GLOBALS = ["Buffer", "global", "setImmediate", "clearImmediate", "__dirname", "__filename", "process"];
/** What every free use of one of them is renamed to, so that it can be told from a local variable of that name. */
const MARK = "nodeGlobal$";

export interface ConvexBundle {
  /** Module path with extension (`"agents/public.js"`, shared chunks under `_deps/`) → source. */
  modules: Map<string, string>;
  /** Sentences about what would fail in Convex's runtime. */
  problems: string[];
}

/**
 * @param schemaFile bundled along with the modules, if there is one.
 * @param ownSources where the project's own package leads, so that it need not be built.
 */
export async function bundleForConvex(
  directory: string,
  schemaFile: string | null,
  ownSources: ReadonlyMap<string, string>,
): Promise<ConvexBundle> {
  const files = Object.values(await listModules(directory));
  const problems: string[] = [];
  for (const file of files) {
    // Only an app may have such modules; here none has, because the development backend runs everything in one runtime.
    if (/^\s*["']use node["']/m.test(await readFile(file, "utf8"))) problems.push(`${file} asks for the Node runtime.`);
  }
  const entryPoints = schemaFile === null ? files : [...files, schemaFile];
  const plugins = [resolveOwnPackage(ownSources)];
  const options = { ...convexOptions(directory), entryPoints, plugins, write: false } as const;
  try {
    const readable = await build({ ...options, define: nodeGlobalMarks() });
    problems.push(...readable.outputFiles.flatMap(findNodeGlobals));
    const bundled = await build({ ...options, ...CONVEX_MINIFICATION });
    return { modules: new Map(bundled.outputFiles.map(({ path, text }) => [modulePath(path), text])), problems };
  } catch (error) {
    // esbuild's message lists every error with its file, e.g. an import of one of Node's modules.
    return { modules: new Map(), problems: [...problems, error instanceof Error ? error.message : String(error)] };
  }
}

const OUTPUT = "/out/";

/** The settings of the CLI for modules without `"use node"`; its shim for `async_hooks` is left out, as nothing here needs it. */
function convexOptions(directory: string): BuildOptions {
  return {
    bundle: true,
    platform: "browser",
    format: "esm",
    target: "esnext",
    jsx: "automatic",
    outdir: OUTPUT,
    outbase: directory,
    conditions: ["convex", "module"],
    splitting: true,
    chunkNames: "_deps/[hash]",
    treeShaking: true,
    logLevel: "silent",
  };
}

const CONVEX_MINIFICATION = {
  minifySyntax: true,
  minifyIdentifiers: true,
  keepNames: true,
  define: { "process.env.NODE_ENV": '"production"' },
} satisfies BuildOptions;

function nodeGlobalMarks(): Record<string, string> {
  const marks: Record<string, string> = {
    "process.env": "globalThis.process.env",
    "globalThis.process.env": "globalThis.process.env",
  };
  for (const name of NODE_GLOBALS) {
    marks[name] = MARK + name;
    marks[`globalThis.${name}`] = MARK + name;
  }
  return marks;
}

/** In a bundle that is not minified, a comment names the file from which the following lines are. */
function findNodeGlobals({ text }: OutputFile): string[] {
  const problems: string[] = [];
  let file = "";
  for (const line of text.split("\n")) {
    if (/^\/\/ \S+\.\w+$/.test(line)) file = line.slice("// ".length);
    for (const name of NODE_GLOBALS) {
      if (line.includes(MARK + name)) problems.push(`${file} uses ${name}, which only Node has: ${line.trim()}`);
    }
    if (/\b__require\d*\(/.test(line)) problems.push(`${file} uses require at run time: ${line.trim()}`);
  }
  return problems;
}

function resolveOwnPackage(ownSources: ReadonlyMap<string, string>): Plugin {
  return {
    name: "own-package",
    setup(setup) {
      setup.onResolve({ filter: /^[^./]/ }, ({ path }) => {
        const source = ownSources.get(path);
        return source === undefined ? undefined : { path: source };
      });
    },
  };
}

function modulePath(outputPath: string): string {
  return outputPath.slice(outputPath.lastIndexOf(OUTPUT) + OUTPUT.length);
}

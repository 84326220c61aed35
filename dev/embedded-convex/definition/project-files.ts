/** Reads what a Convex project's own files say: `convex.json`, and `package.json` with the entry points it exports. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

const DEFAULT_FUNCTIONS = "convex/";
/** The build's output and the sources it mirrors. */
const BUILD_FOLDER = "./dist/";
const SOURCE_FOLDER = "src/";
/** The conditions under which Convex's bundler resolves packages, with those that any bundler knows. */
const CONDITIONS = new Set(["convex", "module", "browser", "import", "default"]);

const vConvexConfig = z.looseObject({ functions: z.string().optional() });
const vPackage = z.looseObject({ name: z.string().optional(), exports: z.unknown().optional() });

/** @returns the app's functions folder, relative to the project, without a slash at its end. */
export async function functionsFolder(projectDirectory: string): Promise<string> {
  const config = vConvexConfig.parse((await readJson(join(projectDirectory, "convex.json"))) ?? {});
  return (config.functions ?? DEFAULT_FUNCTIONS).replace(/^\.\//, "").replace(/\/+$/, "");
}

/**
 * Where the project's own package leads when the project imports it by name: to its sources, so that development needs
 * no build. Entry points without a source are absent.
 *
 * @returns absolute files by import specifier, e.g. `"my-package/convex.config.js"` → `/…/src/component/convex.config.ts`.
 */
export async function ownPackageSources(projectDirectory: string): Promise<Map<string, string>> {
  const sources = new Map<string, string>();
  const { name, exports } = vPackage.parse((await readJson(join(projectDirectory, "package.json"))) ?? {});
  if (name === undefined || typeof exports !== "object" || exports === null) return sources;
  for (const [subpath, target] of Object.entries(exports)) {
    const file = conditionalTarget(target);
    if (file === null || subpath.includes("*")) continue;
    const source = sourceOf(file).find((candidate) => existsSync(join(projectDirectory, candidate)));
    if (source !== undefined) sources.set(name + subpath.slice(1), join(projectDirectory, source));
  }
  return sources;
}

function conditionalTarget(target: unknown): string | null {
  if (typeof target === "string") return target;
  if (typeof target !== "object" || target === null) return null;
  for (const [condition, nested] of Object.entries(target)) {
    if (!CONDITIONS.has(condition)) continue;
    const file = conditionalTarget(nested);
    if (file !== null) return file;
  }
  return null;
}

function sourceOf(file: string): string[] {
  if (!file.startsWith(BUILD_FOLDER)) return [file];
  const stem = SOURCE_FOLDER + file.slice(BUILD_FOLDER.length).replace(/\.js$/, "");
  return [`${stem}.ts`, `${stem}.tsx`];
}

async function readJson(file: string): Promise<unknown> {
  if (!existsSync(file)) return null;
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw new Error(`${file} is not valid JSON.`, { cause: error });
  }
}

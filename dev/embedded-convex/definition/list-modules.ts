/** Lists the files of a component's folder that Convex takes for modules with functions. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const MODULE_EXTENSION = /\.(js|mjs|cjs|ts|tsx|mts|cts|jsx)$/;
/** A file that TypeScript takes for a module; anything else cannot export functions. */
const MODULE_SYNTAX = /^\s{0,100}(import|export)/m;

/**
 * @returns absolute files by module path (`"agents/public"`), in the order of their paths. `http` and `crons` are
 * among them; `schema`, `auth.config` and `convex.config` are not, and neither is a nested component's folder.
 */
export async function listModules(componentDirectory: string): Promise<Record<string, string>> {
  const modules: Record<string, string> = {};
  for (const path of (await listFiles(componentDirectory, "")).sort()) {
    if (!isModule(path)) continue;
    const file = join(componentDirectory, path);
    if (/\.tsx?$/.test(path) && !MODULE_SYNTAX.test(await readFile(file, "utf8"))) continue;
    const modulePath = path.replace(MODULE_EXTENSION, "");
    const other = modules[modulePath];
    if (other !== undefined) throw new Error(`${other} and ${file} are the same module for Convex: remove one.`);
    modules[modulePath] = file;
  }
  return modules;
}

/** `auth.config.ts`, `lib.test.ts` and declarations have a second dot. */
function isModule(path: string): boolean {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return (
    MODULE_EXTENSION.test(path) &&
    !path.startsWith("_generated/") &&
    !/^[.#]/.test(name) &&
    !/^schema\.(ts|js)$/.test(name) &&
    !/\..*\./.test(name) &&
    !path.includes(" ")
  );
}

async function listFiles(componentDirectory: string, under: string): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await readdir(join(componentDirectory, under), { withFileTypes: true })) {
    const path = under + entry.name;
    if (entry.isFile()) files.push(path);
    if (!entry.isDirectory() || existsSync(join(componentDirectory, path, "convex.config.ts"))) continue;
    files.push(...(await listFiles(componentDirectory, `${path}/`)));
  }
  return files;
}

/**
 * A copy of the project's sources without anything generated, in which the Convex CLI works: it first overwrites what it
 * finds with untyped stubs, so in the project itself a failure would leave those behind.
 */
import { cp, mkdir, readdir, realpath, rm, symlink } from "node:fs/promises";
import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { build } from "esbuild";

const COPIED_FILES = ["package.json", "convex.json", "tsconfig.json", "tsconfig.base.json"];
const SOURCE_FOLDER = "src";
const NOT_COPIED = new Set(["_generated", "node_modules", ".next", "dist"]);

export interface Staging {
  /** The copy; a project folder for the CLI. */
  directory: string;
  /** Beside it, for the CLI's own files. */
  scratchDirectory: string;
  remove(): Promise<void>;
}

/** @param folders what to copy, relative to the project; folders that do not exist are skipped. */
export async function stageProject(projectDirectory: string, folders: readonly string[]): Promise<Staging> {
  const parent = await realpath(await mkdtemp(join(tmpdir(), "convex-codegen-")));
  const directory = join(parent, "project");
  const remove = () => rm(parent, { recursive: true, force: true, maxRetries: 3 });
  try {
    await mkdir(directory);
    for (const name of [...COPIED_FILES, ...folders]) {
      const source = join(projectDirectory, name);
      if (!existsSync(source)) continue;
      await cp(source, join(directory, name), {
        recursive: true,
        filter: (path) => !NOT_COPIED.has(basename(path)),
      });
    }
    await symlink(join(projectDirectory, "node_modules"), join(directory, "node_modules"), "dir");
  } catch (error) {
    await remove();
    throw error;
  }
  return { directory, scratchDirectory: join(parent, "scratch"), remove };
}

/**
 * Compiles `src` to `dist` file by file, because the app imports the package under its own name. Types are not checked:
 * code can be generated while something elsewhere does not compile, and it is what makes the rest compile.
 */
export async function compileStaged(directory: string): Promise<void> {
  const sources = await readdir(join(directory, SOURCE_FOLDER), { recursive: true });
  const entryPoints = sources.filter((path) => /\.tsx?$/.test(path) && !/\.(test|d)\.tsx?$/.test(path));
  await build({
    entryPoints: entryPoints.map((path) => join(directory, SOURCE_FOLDER, path)),
    outdir: join(directory, "dist"),
    outbase: join(directory, SOURCE_FOLDER),
    bundle: false,
    format: "esm",
    platform: "neutral",
    target: "es2022",
    logLevel: "silent",
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, jsx: "react-jsx" } },
  });
}

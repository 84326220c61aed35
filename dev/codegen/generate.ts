/** Generates the `_generated` folders of the project's components and of its app, in a copy of the project. */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { functionsFolder } from "../embedded-convex/definition/project-files.js";
import { runConvexCodegen } from "./convex-cli.js";
import { startCodegenEndpoint } from "./endpoint.js";
import { compileStaged, stageProject } from "./staging.js";

const SOURCE_FOLDER = "src";
const COMPONENT_CONFIG = "convex.config.ts";

/** Path relative to the project, with `/` → content. */
type GeneratedFiles = ReadonlyMap<string, string>;

export interface Generated {
  files: GeneratedFiles;
  /** The `_generated` folders to which the files belong, relative to the project. */
  folders: readonly string[];
  /** Why there is nothing for the app. What was generated for components is complete and can be used without it. */
  appFailure: Error | null;
}

/**
 * Runs the Convex CLI once per component under `src`, then for the app that `convex.json` names, if it exists.
 *
 * Nothing in the project is read but its sources, and nothing is written there, so the result depends on the sources
 * alone.
 *
 * @param signal stops the CLI and removes the copy.
 * @throws with the reason if the sources of a component cannot be evaluated.
 */
export async function generate(projectDirectory: string, signal?: AbortSignal): Promise<Generated> {
  const functions = await functionsFolder(projectDirectory);
  const appFolder = functions.split("/")[0] ?? functions;
  const staging = await stageProject(projectDirectory, [SOURCE_FOLDER, appFolder]);
  const endpoint = await startCodegenEndpoint();
  const run = async (componentDirectory: string | null) => {
    const { directory, scratchDirectory } = staging;
    try {
      await runConvexCodegen({ projectDirectory: directory, scratchDirectory, componentDirectory, endpoint, signal });
    } catch (error) {
      const reason = endpoint.lastError();
      throw reason === null ? error : new Error(reason, { cause: error });
    }
  };
  try {
    // The CLI resolves a component's imports from the app's folder, even if there is no app.
    await mkdir(join(staging.directory, functions), { recursive: true });
    const hasApp = (await readdir(join(staging.directory, functions))).length > 0;
    const components = await componentFolders(staging.directory, SOURCE_FOLDER);
    for (const component of components) await run(component);
    const owners = [...components];
    let appFailure: Error | null = null;
    if (hasApp) {
      try {
        await compileStaged(staging.directory);
        await run(null);
        owners.push(functions, ...(await componentFolders(staging.directory, functions)));
      } catch (error) {
        signal?.throwIfAborted();
        appFailure = error instanceof Error ? error : new Error(String(error));
      }
    }
    const folders = [...new Set(owners)].map((owner) => `${owner}/_generated`).sort();
    return { folders, files: await readFolders(staging.directory, folders), appFailure };
  } finally {
    await endpoint.close();
    await staging.remove();
  }
}

/** A component's nested components come first: its own functions are bundled with what is generated for them. */
async function componentFolders(directory: string, under: string): Promise<string[]> {
  if (!existsSync(join(directory, under))) return [];
  const paths = await readdir(join(directory, under), { recursive: true });
  const folders = paths
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => path === COMPONENT_CONFIG || path.endsWith(`/${COMPONENT_CONFIG}`))
    .map((path) => (path === COMPONENT_CONFIG ? under : `${under}/${dirname(path)}`));
  return folders.sort((a, b) => b.split("/").length - a.split("/").length || (a < b ? -1 : 1));
}

/** Reads the text files directly in the given folders; those that do not exist have none. */
export async function readFolders(directory: string, folders: readonly string[]): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const folder of folders) {
    if (!existsSync(join(directory, folder))) continue;
    const entries = await readdir(join(directory, folder), { withFileTypes: true });
    for (const name of entries
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .sort()) {
      files.set(`${folder}/${name}`, await readFile(join(directory, folder, name), "utf8"));
    }
  }
  return files;
}

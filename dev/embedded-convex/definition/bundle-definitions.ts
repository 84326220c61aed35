/** Finds the `convex.config` files that an app's leads to, and bundles each as Convex does: without its children. */
import { existsSync } from "node:fs";
import { dirname, extname, join, relative } from "node:path";
import { build, type Plugin, type PluginBuild } from "esbuild";
import { componentImportPath, type BundledDefinition } from "./evaluate-definitions.js";
import { ownPackageSources } from "./project-files.js";

/** An app installs a handful of components; more means that configs generate each other. */
const MAX_DEFINITIONS = 500;

export interface FoundDefinition extends BundledDefinition {
  /** Absolute folder of the component. */
  directory: string;
}

/** @returns `convex.config.ts` or `.js` of a folder, or null if it has none. */
function configFile(directory: string): string | null {
  const candidates = [join(directory, "convex.config.ts"), join(directory, "convex.config.js")];
  return candidates.find((candidate) => existsSync(candidate)) ?? null;
}

/** @throws naming the importing file, if a config cannot be bundled. */
export async function bundleDefinitions(projectDirectory: string, appDirectory: string): Promise<FoundDefinition[]> {
  const appConfig = configFile(appDirectory);
  if (appConfig === null) return [];
  const ownSources = await ownPackageSources(projectDirectory);
  const found: FoundDefinition[] = [];
  const pending = new Set([appConfig]);
  // A Set iterates over what is added meanwhile, so this follows children of children.
  for (const config of pending) {
    if (found.length >= MAX_DEFINITIONS) throw new Error(`The app leads to more than ${MAX_DEFINITIONS} components.`);
    const directory = dirname(config);
    const source = await bundleDefinition(config, ownSources, (child) => {
      pending.add(child);
      return componentImportPath(definitionPath(appDirectory, dirname(child)));
    });
    found.push({ path: definitionPath(appDirectory, directory), directory, source });
  }
  return found;
}

async function bundleDefinition(
  config: string,
  ownSources: ReadonlyMap<string, string>,
  importChild: (config: string) => string,
): Promise<string> {
  const result = await build({
    entryPoints: [config],
    plugins: [childConfigs(ownSources, importChild)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
    target: "esnext",
    conditions: ["convex", "module"],
    logLevel: "silent",
  });
  return result.outputFiles[0]?.text ?? "";
}

function childConfigs(ownSources: ReadonlyMap<string, string>, importChild: (config: string) => string): Plugin {
  return {
    name: "child-configs",
    setup(setup) {
      setup.onResolve({ filter: /convex\.config/ }, async ({ path, kind, resolveDir, pluginData }) => {
        // The plugin is asked again about what it asks esbuild to resolve.
        if (kind === "entry-point" || pluginData === childConfigs) return undefined;
        const config = ownSources.get(path) ?? (await resolveConfig(setup, path, resolveDir));
        if (config === null) return undefined;
        return { path: importChild(config), external: true };
      });
    },
  };
}

/** A config may be imported as `convex.config`, `.js` or `.ts`, whichever of them exists. */
async function resolveConfig(setup: PluginBuild, specifier: string, resolveDir: string): Promise<string | null> {
  const extension = extname(specifier);
  const stem = extension === ".js" ? specifier.slice(0, -extension.length) : specifier;
  const candidates = extension === ".ts" ? [specifier] : [specifier, `${stem}.js`, `${stem}.ts`];
  for (const candidate of candidates) {
    const resolved = await setup.resolve(candidate, {
      kind: "import-statement",
      resolveDir,
      pluginData: childConfigs,
    });
    if (resolved.errors.length === 0 && resolved.path !== "") return resolved.path;
  }
  return null;
}

function definitionPath(appDirectory: string, directory: string): string {
  return relative(appDirectory, directory).replaceAll("\\", "/");
}

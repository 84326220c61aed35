/**
 * Evaluates bundled Convex modules the way Convex analyzes them: in a context with web globals only, in which nothing
 * of Node exists but `process.env`.
 */
import { posix } from "node:path";
import { runInContext, Script, type Context } from "node:vm";
import { EdgeVM } from "@edge-runtime/vm";
import { build, type Plugin } from "esbuild";

/** Far more than importing any module takes; it ends one that loops while it is imported. */
const IMPORT_TIMEOUT_MS = 20_000;

const NAMESPACE = "module-set";
const ENTRY = "\0entry";

/** Module path with its extension (`"agents/public.js"`) → source as an ES module. */
export type ModuleSources = ReadonlyMap<string, string>;

export interface EvaluatedModules {
  /** Evaluates a module on first use, with everything that it imports, and returns its exports. */
  load(modulePath: string): Readonly<Record<string, unknown>>;
}

export interface LinkedModules {
  /**
   * Starts a context in which nothing has been evaluated yet.
   *
   * @param environment what `process.env` contains there; nothing of this process leaks into it.
   */
  newContext(environment?: Readonly<Record<string, string>>): EvaluatedModules;
}

/**
 * Links the modules of one set, whose relative imports must stay inside it.
 *
 * @throws if a module imports something outside the set, with the module's name.
 */
export async function linkModules(modules: ModuleSources): Promise<LinkedModules> {
  const result = await build({
    entryPoints: [ENTRY],
    plugins: [moduleSetPlugin(modules)],
    bundle: true,
    write: false,
    outdir: "/",
    format: "iife",
    platform: "browser",
    target: "esnext",
    logLevel: "silent",
  });
  const script = new Script(result.outputFiles[0]?.text ?? "");
  return {
    newContext(environment = {}) {
      const { context } = new EdgeVM({
        extend: (globals) => Object.assign(globals, { process: { env: { ...environment } } }),
      });
      script.runInContext(context, { timeout: IMPORT_TIMEOUT_MS });
      return { load: (modulePath) => loadModule(context, modules, modulePath) };
    },
  };
}

/** Links modules and starts the one context in which all of them are evaluated; see `linkModules`. */
export async function evaluateModules(
  modules: ModuleSources,
  environment: Readonly<Record<string, string>> = {},
): Promise<EvaluatedModules> {
  return (await linkModules(modules)).newContext(environment);
}

function loadModule(context: Context, modules: ModuleSources, modulePath: string): Readonly<Record<string, unknown>> {
  if (!modules.has(modulePath)) throw new Error(`There is no module ${modulePath}.`);
  try {
    const loaded: unknown = runInContext(`loadModule(${JSON.stringify(modulePath)})`, context, {
      timeout: IMPORT_TIMEOUT_MS,
    });
    if (typeof loaded !== "object" || loaded === null) throw new Error("it has no exports");
    return { ...loaded };
  } catch (error) {
    throw new Error(`Evaluating ${modulePath} failed: ${describe(error)}`, { cause: error });
  }
}

/** Lazy `require`s in the entry keep an error of one module from being reported as that of another. */
function moduleSetPlugin(modules: ModuleSources): Plugin {
  const loaders = [...modules.keys()].map(
    (path) => `  ${JSON.stringify(path)}: () => require(${JSON.stringify("/" + path)})`,
  );
  const entry = `const loaders = {\n${loaders.join(",\n")}\n};\nglobalThis.loadModule = (path) => loaders[path]();\n`;
  return {
    name: NAMESPACE,
    setup(setup) {
      setup.onResolve({ filter: /.*/ }, ({ path, importer }) => {
        if (path === ENTRY) return { path, namespace: NAMESPACE };
        const target = path.startsWith("/") ? path.slice(1) : posix.join(posix.dirname(importer), path);
        if (path.startsWith("/") || (path.startsWith(".") && modules.has(target))) {
          return { path: target, namespace: NAMESPACE };
        }
        return { errors: [{ text: `${importer} imports "${path}", which is not part of what was bundled.` }] };
      });
      setup.onLoad({ filter: /.*/, namespace: NAMESPACE }, ({ path }) => ({
        contents: path === ENTRY ? entry : (modules.get(path) ?? ""),
        loader: "js",
      }));
    },
  };
}

/** Errors thrown inside the context are instances of its own `Error`, not of ours. */
function describe(error: unknown): string {
  if (typeof error === "object" && error !== null && "message" in error) return String(error.message);
  return String(error);
}

/** Evaluates a bundle where only the web's globals exist, and checks what every function that it registers declares. */
import { analyzeFunctions } from "../../dev/codegen/analyze-functions.js";
import type { AnalyzedFunction } from "../../dev/codegen/push-request.js";
import { linkModules } from "../../dev/embedded-convex/definition/evaluate-modules.js";
import { bundleForConvex } from "./convex-bundle.js";

/** What `args` and `returns` are exported as if a function declares none. */
const NO_ARGS = JSON.stringify({ type: "any" });
const NO_RETURNS = "null";

export interface RuntimeCheck {
  /** By path, e.g. `"agents/public:create"`. */
  functions: Map<string, AnalyzedFunction>;
  /** Sentences; empty if everything would run in Convex. */
  problems: string[];
}

/** Checks the functions of one component or app; see `bundleForConvex` for the parameters. */
export async function checkForConvex(
  directory: string,
  schemaFile: string | null,
  ownSources: ReadonlyMap<string, string>,
): Promise<RuntimeCheck> {
  const { modules, problems } = await bundleForConvex(directory, schemaFile, ownSources);
  const functions = new Map<string, AnalyzedFunction>();
  const environment = { CONVEX_CLOUD_URL: "http://127.0.0.1:3210", CONVEX_SITE_URL: "http://127.0.0.1:3211" };
  const linked = await linkModules(modules);
  for (const modulePath of modules.keys()) {
    try {
      // A context of its own for each module, as in Convex: none may lean on what another one left behind.
      const evaluated = linked.newContext(environment);
      evaluated.load(modulePath);
      for (const analyzed of analyzeFunctions(evaluated, [modulePath])[modulePath]?.functions ?? []) {
        functions.set(`${modulePath.replace(/\.js$/, "")}:${analyzed.name}`, analyzed);
      }
    } catch (error) {
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  for (const [path, { visibility, args, returns }] of functions) {
    if (visibility.kind !== "public") continue;
    if (args === NO_ARGS) problems.push(`${path} is public and has no args validator.`);
    if (returns === NO_RETURNS) problems.push(`${path} is public and has no returns validator.`);
  }
  return { functions, problems };
}

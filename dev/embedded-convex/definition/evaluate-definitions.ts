/** Evaluates bundled `convex.config` files, each with its children's configs replaced by what names them, as Convex does. */
import { z } from "zod";
import { evaluateModules } from "./evaluate-modules.js";

/** A bundled `convex.config` file, in which a child's config is imported from `componentImportPath(child.path)`. */
export interface BundledDefinition {
  /** What identifies the definition, a path relative to the app's; `""` for the app. */
  path: string;
  source: string;
}

const vEnvBinding = z.union([
  z.looseObject({ type: z.literal("value"), value: z.string() }),
  z.looseObject({ type: z.literal("envVar"), name: z.string() }),
]);

const vEnvVariable = z.looseObject({
  type: z.literal("value"),
  /** The validator, as JSON. */
  value: z.string(),
  optional: z.boolean().optional(),
});

const vAnalysis = z.looseObject({
  /** A component's own name; an app has none. */
  name: z.string().optional(),
  definitionType: z.looseObject({ type: z.enum(["app", "childComponent"]) }),
  childComponents: z.array(
    z.looseObject({ name: z.string(), path: z.string(), env: z.array(z.tuple([z.string(), vEnvBinding])).nullish() }),
  ),
  /** Prefix → `_reference/childComponent/<name>`. */
  httpMounts: z.record(z.string(), z.string()),
  /** Absent in an app that declares none, which then sees all variables of its deployment. */
  envVars: z.array(z.tuple([z.string(), vEnvVariable])).optional(),
});

/** What `export()` of an app's or a component's definition returns. */
export type DefinitionAnalysis = z.infer<typeof vAnalysis>;

/** The specifier under which a bundled definition imports a child's. */
export function componentImportPath(definitionPath: string): string {
  return `./_componentDeps/${Buffer.from(definitionPath).toString("base64url")}`;
}

/**
 * Evaluates every definition and checks that they fit together.
 *
 * @param options.placeholderApp the app only makes a component reachable that code is generated for, and binds none of
 * its env variables. Default false.
 * @returns analyses by definition path.
 * @throws naming the definition, if one cannot be evaluated, or if what a parent binds is not what its child declares.
 */
export async function evaluateDefinitions(
  definitions: readonly BundledDefinition[],
  options: { placeholderApp?: boolean } = {},
): Promise<Map<string, DefinitionAnalysis>> {
  const modules = new Map<string, string>();
  for (const { path, source } of definitions) {
    modules.set(configModule(path), source);
    for (const child of definitions) {
      if (child.path === "") continue;
      modules.set(
        `${definitionFolder(path)}/${componentImportPath(child.path).slice("./".length)}`,
        `import child from "../../${configModule(child.path)}";
         export default { componentDefinitionPath: ${JSON.stringify(child.path)}, defaultName: child.export().name };`,
      );
    }
  }
  const evaluated = await evaluateModules(modules);
  const analyses = new Map<string, DefinitionAnalysis>();
  for (const { path } of definitions) {
    const title = path === "" ? "The app's convex.config" : `The convex.config of ${path}`;
    const definition = evaluated.load(configModule(path))["default"];
    if (!isExportable(definition)) {
      throw new Error(`${title} must export by default what defineApp() or defineComponent() returned.`);
    }
    // The round trip through JSON is the one that Convex makes; it also moves the result into this realm.
    const parsed = vAnalysis.safeParse(JSON.parse(JSON.stringify(definition.export())));
    if (!parsed.success) throw new Error(`${title} has an unexpected form: ${z.prettifyError(parsed.error)}`);
    analyses.set(path, parsed.data);
  }
  for (const [path, analysis] of analyses) {
    if (path === "" && options.placeholderApp === true) continue;
    checkChildren(path, analysis, analyses);
  }
  return analyses;
}

/** What Convex refuses at a push would otherwise show up as `undefined` at run time. */
function checkChildren(
  path: string,
  parent: DefinitionAnalysis,
  analyses: ReadonlyMap<string, DefinitionAnalysis>,
): void {
  const title = path === "" ? "The app" : `Component ${path}`;
  const names = new Set<string>();
  for (const { name, path: childPath, env } of parent.childComponents) {
    if (names.has(name)) throw new Error(`${title} installs two components as "${name}": give one another name.`);
    names.add(name);
    const child = analyses.get(childPath);
    if (child === undefined)
      throw new Error(`${title} installs "${name}" from ${childPath}, which is not a component.`);
    const declared = new Map(child.envVars ?? []);
    const bound = new Map(env ?? []);
    for (const [variable, binding] of bound) {
      if (!declared.has(variable)) {
        throw new Error(`${title} passes ${variable} to "${name}", which declares no such env variable.`);
      }
      if (binding.type === "envVar" && !parent.envVars?.some(([parentVariable]) => parentVariable === binding.name)) {
        throw new Error(`${title} passes its env variable ${binding.name} to "${name}" without declaring it.`);
      }
    }
    for (const [variable, { optional }] of declared) {
      if (optional !== true && !bound.has(variable)) {
        throw new Error(`${title} must pass the env variable ${variable} to "${name}", which requires it.`);
      }
    }
  }
}

/** App, component and schema definitions all describe themselves through `export()`. */
export function isExportable(value: unknown): value is { export: () => unknown } {
  return typeof value === "object" && value !== null && "export" in value && typeof value.export === "function";
}

function configModule(definitionPath: string): string {
  return `${definitionFolder(definitionPath)}/convex.config.js`;
}

/** A folder of its own per definition, as the specifiers under which they import each other are relative. */
function definitionFolder(definitionPath: string): string {
  return `definition-${Buffer.from(definitionPath).toString("base64url")}`;
}

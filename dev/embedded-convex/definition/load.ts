/** Loads an app's definition from its sources: the tree of component instances, their modules and environments. */
import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import type { AppDefinition, ComponentInstance, EnvBinding } from "../definition.js";
import { bundleDefinitions } from "./bundle-definitions.js";
import { evaluateDefinitions, type DefinitionAnalysis } from "./evaluate-definitions.js";
import { listModules } from "./list-modules.js";
import { functionsFolder } from "./project-files.js";

/** An app without `convex.config.ts` installs nothing and sees all variables of its deployment. */
const NO_CONFIG: DefinitionAnalysis = { definitionType: { type: "app" }, childComponents: [], httpMounts: {} };

interface Definition {
  analysis: DefinitionAnalysis;
  directory: string;
  modules: Record<string, string>;
  schemaFile: string | null;
}

/**
 * Evaluates the `convex.config.ts` of the app that `convex.json` names (default: `convex/`) and of every component that
 * it leads to. Where the project imports its own package by name, the sources in `src` are taken, not the build.
 *
 * @throws in plain English, naming the file or component, if a definition cannot be bundled or evaluated, or if parent
 * and child do not agree on env variables.
 */
export async function loadAppDefinition(projectDirectory: string): Promise<AppDefinition> {
  const project = await realpath(projectDirectory);
  const appDirectory = join(project, await functionsFolder(project));
  if (!existsSync(appDirectory)) throw new Error(`There is no folder ${appDirectory} with an app's functions.`);
  const found = await bundleDefinitions(project, appDirectory);
  const analyses = await evaluateDefinitions(found);
  const directories = new Map([["", appDirectory], ...found.map(({ path, directory }) => [path, directory] as const)]);
  const definitions = new Map<string, Definition>();
  for (const [path, directory] of directories) {
    definitions.set(path, {
      analysis: analyses.get(path) ?? NO_CONFIG,
      directory,
      modules: await listModules(directory),
      schemaFile: firstExisting(directory, ["schema.ts", "schema.js"]),
    });
  }
  return {
    root: instance("", "", definitions, {}, null),
    authConfigFile: firstExisting(appDirectory, ["auth.config.ts", "auth.config.js"]),
  };
}

function instance(
  path: string,
  definitionPath: string,
  definitions: ReadonlyMap<string, Definition>,
  envBindings: Record<string, EnvBinding>,
  httpPrefix: string | null,
): ComponentInstance {
  const definition = definitions.get(definitionPath);
  if (definition === undefined) throw new Error(`Component "${path}" has no definition at ${definitionPath}.`);
  const { analysis, directory, modules, schemaFile } = definition;
  const prefixes = new Map(Object.entries(analysis.httpMounts).map(([prefix, reference]) => [reference, prefix]));
  return {
    path,
    directory,
    modules,
    schemaFile,
    declaredEnv: declaredEnv(analysis),
    envBindings,
    httpPrefix,
    children: analysis.childComponents.map((child) =>
      instance(
        path === "" ? child.name : `${path}/${child.name}`,
        child.path,
        definitions,
        bindings(child.env ?? []),
        prefixes.get(`_reference/childComponent/${child.name}`) ?? null,
      ),
    ),
  };
}

function declaredEnv({ definitionType, envVars }: DefinitionAnalysis): ComponentInstance["declaredEnv"] {
  if (envVars === undefined) return definitionType.type === "app" ? null : {};
  return Object.fromEntries(envVars.map(([name, { optional }]) => [name, { optional: optional === true }]));
}

type SerializedBindings = NonNullable<DefinitionAnalysis["childComponents"][number]["env"]>;

function bindings(env: SerializedBindings): Record<string, EnvBinding> {
  return Object.fromEntries(
    env.map(([name, binding]): [string, EnvBinding] => [
      name,
      binding.type === "value"
        ? { kind: "value", value: binding.value }
        : { kind: "reference", parentName: binding.name },
    ]),
  );
}

function firstExisting(directory: string, names: readonly string[]): string | null {
  const files = names.map((name) => join(directory, name));
  return files.find((file) => existsSync(file)) ?? null;
}

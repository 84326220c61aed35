/** Answers a push of the Convex CLI: evaluates what was uploaded and describes it as a deployment would. */
import {
  evaluateDefinitions,
  isExportable,
  type DefinitionAnalysis,
} from "../embedded-convex/definition/evaluate-definitions.js";
import { evaluateModules } from "../embedded-convex/definition/evaluate-modules.js";
import { analyzeFunctions, componentExports } from "./analyze-functions.js";
import type { AnalyzedModule, PushedModule, StartPushRequest } from "./push-request.js";

/** Variables that every deployment has; modules that build URLs from them must at least evaluate. */
const PLATFORM_ENVIRONMENT = {
  CONVEX_CLOUD_URL: "http://127.0.0.1:3210",
  CONVEX_SITE_URL: "http://127.0.0.1:3211",
};

interface PushedComponent {
  definitionPath: string;
  schema: PushedModule | null;
  functions: PushedModule[];
  udfServerVersion: string;
}

/** @throws in plain English, naming the module, if something uploaded cannot be evaluated. */
export async function analyzePush(request: StartPushRequest): Promise<object> {
  const { appDefinition, componentDefinitions } = request;
  const bundled = componentDefinitions.map(({ definitionPath, definition }) => ({
    path: definitionPath,
    source: definition.source,
  }));
  if (appDefinition.definition !== null) bundled.unshift({ path: "", source: appDefinition.definition.source });
  const definitions = await evaluateDefinitions(bundled, { placeholderApp: request.forCodegen === true });
  const components: PushedComponent[] = [
    {
      definitionPath: "",
      schema: appDefinition.schema ?? null,
      functions: appDefinition.changedModules,
      udfServerVersion: appDefinition.udfServerVersion,
    },
    ...componentDefinitions,
  ];
  const analysis: Record<string, object> = {};
  for (const component of components) {
    const definition = definitions.get(component.definitionPath);
    if (definition === undefined) continue;
    analysis[component.definitionPath] = await analyzeComponent(component, definition);
  }
  return {
    environmentVariables: {},
    externalDepsId: null,
    componentDefinitionPackages: {},
    appAuth: [],
    analysis,
    app: checkedComponent("", "", definitions),
    schemaChange: { allocatedComponentIds: {}, schemaIds: {} },
  };
}

async function analyzeComponent(component: PushedComponent, definition: DefinitionAnalysis): Promise<object> {
  const { definitionPath, schema, functions, udfServerVersion } = component;
  try {
    const analyzed = await analyzeModules(functions);
    const isApp = definition.name === undefined;
    return {
      definition: {
        ...definition,
        path: definitionPath,
        definitionType: isApp ? { type: "app" } : { type: "childComponent", name: definition.name },
        // Nobody calls into the app by reference, so an app has no exports.
        exports: isApp ? { type: "branch", branch: [] } : componentExports(analyzed),
      },
      schema: schema === null ? null : await analyzeSchema(schema),
      functions: analyzed,
      udfConfig: { serverVersion: udfServerVersion, importPhaseRngSeed: null, importPhaseUnixTimestamp: null },
    };
  } catch (error) {
    const title = definitionPath === "" ? "the app" : `component ${definitionPath}`;
    throw new Error(`In ${title}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/**
 * Modules with `"use node"` are left out: only an app has them, and the code generated for an app takes its modules
 * from the folder, not from here.
 */
async function analyzeModules(functions: readonly PushedModule[]): Promise<Record<string, AnalyzedModule>> {
  const isolated = functions.filter(({ environment }) => environment === "isolate");
  const sources = new Map(isolated.map(({ path, source }) => [path, source]));
  return analyzeFunctions(await evaluateModules(sources, PLATFORM_ENVIRONMENT), sources.keys());
}

async function analyzeSchema({ path, source }: PushedModule): Promise<unknown> {
  const evaluated = await evaluateModules(new Map([[path, source]]), PLATFORM_ENVIRONMENT);
  const schema = evaluated.load(path)["default"];
  if (!isExportable(schema)) throw new Error(`${path} must export by default what defineSchema() returned.`);
  return JSON.parse(String(schema.export()));
}

/** Describes an instance and, recursively, the instances that it installs; definitions cannot install themselves. */
function checkedComponent(
  definitionPath: string,
  componentPath: string,
  definitions: ReadonlyMap<string, DefinitionAnalysis>,
): object {
  const children = definitions.get(definitionPath)?.childComponents ?? [];
  return {
    definitionPath,
    componentPath,
    args: {},
    childComponents: Object.fromEntries(
      children.map(({ name, path }) => [
        name,
        checkedComponent(path, componentPath === "" ? name : `${componentPath}/${name}`, definitions),
      ]),
    ),
    httpRoutes: { httpModuleRoutes: null, mounts: [] },
    exports: {},
  };
}

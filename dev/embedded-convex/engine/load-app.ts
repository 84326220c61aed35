/** Loads the modules of an app and all its component instances into a `convexTest()`. */
import type { AsyncLocalStorage } from "node:async_hooks";
import { join } from "node:path";
import type { AppDefinition, ComponentInstance } from "../definition.js";
import { ownPackageSources } from "../definition/project-files.js";
import { bundleInstance, type Bundle } from "./bundle-modules.js";
import { openConvexTest, type ConvexTestInternals } from "./convex-test-internals.js";
import { wrapRouter } from "./http-actions.js";
import {
  createInstanceEnvironment,
  type BuiltInVariables,
  type DeploymentVariables,
  type InstanceEnvironment,
} from "./instance-environment.js";
import { asModuleGlob, loadInstance, type LoadedInstance } from "./instance-modules.js";
import type { Invocation } from "./invocation.js";
import { createHandlerRunner } from "./run-handler.js";

export interface AppSurroundings {
  projectDirectory: string;
  definition: AppDefinition;
  variables: DeploymentVariables;
  builtIn: BuiltInVariables;
  invocations: AsyncLocalStorage<Invocation>;
  /** Bundles are written here, and read once. */
  scratchDirectory: string;
  log: (line: string) => void;
}

export interface LoadedApp {
  internals: ConvexTestInternals;
  instances: ReadonlyMap<string, LoadedInstance>;
}

/** @throws naming the module or component that cannot be loaded. */
export async function loadApp(surroundings: AppSurroundings): Promise<LoadedApp> {
  const { definition, variables, builtIn, invocations, log, projectDirectory, scratchDirectory } = surroundings;
  let opened: ConvexTestInternals | null = null;
  const internalsNow = (): ConvexTestInternals => {
    if (opened === null) throw new Error("A module called a Convex function while it was being loaded.");
    return opened;
  };
  // Modules must be wrapped before the app's convexTest() can take them, and wrapping needs a storage that only an open
  // convexTest() reveals. All of them share it, so an empty one is opened first.
  const { overridesStorage } = await openConvexTest(null, { "./_generated/api.js": async () => ({}) });
  const runHandler = createHandlerRunner({ overridesStorage, invocations, log, internals: internalsNow });
  const ownSources = await ownPackageSources(projectDirectory);
  const bundlesByDirectory = new Map<string, Bundle[]>();
  const instances = new Map<string, LoadedInstance>();
  const load = async (instance: ComponentInstance, parent: InstanceEnvironment | null): Promise<void> => {
    const environment = createInstanceEnvironment(instance, parent, variables, builtIn);
    const folder = join(scratchDirectory, `instance-${instances.size}`);
    const bundles =
      bundlesByDirectory.get(instance.directory) ??
      (await bundleInstance(instance, join(folder, "bundle.cjs"), ownSources));
    bundlesByDirectory.set(instance.directory, bundles);
    const file = (bundle: Bundle): string => join(folder, `${bundle.runtime}.cjs`);
    const loaded = await loadInstance(instance, environment, bundles, file, overridesStorage, runHandler);
    wrapRouter(loaded, runHandler);
    instances.set(instance.path, loaded);
    for (const child of instance.children) await load(child, environment);
  };
  await load(definition.root, null);
  const root = instances.get("");
  if (root === undefined) throw new Error("The app's definition has no root.");
  const internals = await openConvexTest(root.schema, asModuleGlob(root));
  for (const [path, loaded] of instances) {
    if (path !== "") internals.accessor.registerComponent(path, loaded.schema, asModuleGlob(loaded));
  }
  opened = internals;
  return { internals, instances };
}

/** Loads the modules of an app and all its component instances into a `convexTest()`. */
import type { AsyncLocalStorage } from "node:async_hooks";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { AppDefinition, ComponentInstance } from "../definition.js";
import { ownPackageSources } from "../definition/project-files.js";
import { bundleInstance, type Bundle } from "./bundle-modules.js";
import type { Clock } from "./clock.js";
import { openConvexTest } from "./convex-test-internals.js";
import type { ConvexTestInternals } from "./convex-test-types.js";
import { createFunctionRegistry, type FunctionRegistry } from "./functions.js";
import { wrapRouter } from "./http-actions.js";
import {
  createInstanceEnvironment,
  type BuiltInVariables,
  type DeploymentVariables,
  type InstanceEnvironment,
} from "./instance-environment.js";
import { asModuleGlob, loadInstance, type LoadedInstance } from "./instance-modules.js";
import type { Invocation } from "./invocation.js";
import { createHandlerRunner, TRANSACTION_TIMEOUT_MS } from "./run-handler.js";
import { TransactionGuard } from "./transaction-guard.js";

export interface AppSurroundings {
  projectDirectory: string;
  definition: AppDefinition;
  variables: DeploymentVariables;
  builtIn: BuiltInVariables;
  invocations: AsyncLocalStorage<Invocation>;
  /** Bundles are written here, read once, and removed. */
  bundleDirectory: string;
  clock: Clock;
  transactionTimeoutMs: number | undefined;
  log: (line: string) => void;
}

export interface LoadedApp {
  internals: ConvexTestInternals;
  instances: ReadonlyMap<string, LoadedInstance>;
  functions: FunctionRegistry;
  guard: TransactionGuard;
}

/** @throws naming the module or component that cannot be loaded. */
export async function loadApp(surroundings: AppSurroundings): Promise<LoadedApp> {
  const { definition, variables, builtIn, invocations, clock, log, projectDirectory, bundleDirectory } = surroundings;
  let opened: ConvexTestInternals | null = null;
  const internalsNow = (): ConvexTestInternals => {
    if (opened === null) throw new Error("A module called a Convex function while it was being loaded.");
    return opened;
  };
  // Modules must be wrapped before the app's convexTest() can take them, and wrapping needs a storage that only an open
  // convexTest() reveals. All of them share it, so an empty one is opened first.
  const { overridesStorage, transactionStorage } = await openConvexTest(null, {
    "./_generated/api.js": async () => ({}),
  });
  const guard = new TransactionGuard(transactionStorage);
  let registry: FunctionRegistry | null = null;
  const functionsNow = (): FunctionRegistry => registry ?? createFunctionRegistry([]);
  const runHandler = createHandlerRunner({
    overridesStorage,
    invocations,
    clock,
    log,
    guard,
    transactionTimeoutMs: surroundings.transactionTimeoutMs ?? TRANSACTION_TIMEOUT_MS,
    internals: internalsNow,
    functions: functionsNow,
  });
  const ownSources = await ownPackageSources(projectDirectory);
  const bundles = await bundleAll(definition.root, bundleDirectory, ownSources);
  const instances = new Map<string, LoadedInstance>();
  const load = async (instance: ComponentInstance, parent: InstanceEnvironment | null): Promise<void> => {
    const environment = createInstanceEnvironment(instance, parent, variables, builtIn);
    const folder = join(bundleDirectory, `instance-${instances.size}`);
    const file = (bundle: Bundle): string => join(folder, `${bundle.runtime}.cjs`);
    const loaded = await loadInstance(
      instance,
      environment,
      bundles.get(instance.directory) ?? [],
      file,
      overridesStorage,
      runHandler,
    );
    wrapRouter(loaded, runHandler);
    instances.set(instance.path, loaded);
    for (const child of instance.children) await load(child, environment);
  };
  // What a process that was killed while it loaded has left.
  await rm(bundleDirectory, { recursive: true, force: true });
  await load(definition.root, null);
  await rm(bundleDirectory, { recursive: true, force: true });
  const root = instances.get("");
  if (root === undefined) throw new Error("The app's definition has no root.");
  const internals = await openConvexTest(root.schema, asModuleGlob(root));
  for (const [path, loaded] of instances) {
    if (path !== "") internals.accessor.registerComponent(path, loaded.schema, asModuleGlob(loaded));
  }
  guard.install(internals);
  opened = internals;
  const functions = createFunctionRegistry(instances.values());
  registry = functions;
  return { internals, instances, functions, guard };
}

/** Bundles every component once, however many instances it has, and all of them at the same time. */
async function bundleAll(
  root: ComponentInstance,
  bundleDirectory: string,
  ownSources: ReadonlyMap<string, string>,
): Promise<Map<string, Bundle[]>> {
  const byDirectory = new Map<string, ComponentInstance>();
  const collect = (instance: ComponentInstance): void => {
    byDirectory.set(instance.directory, instance);
    for (const child of instance.children) collect(child);
  };
  collect(root);
  // Only its depth matters, so that source maps lead from every instance's file to the sources.
  const outputFile = join(bundleDirectory, "instance", "bundle.cjs");
  const bundled = await Promise.all(
    [...byDirectory].map(async ([directory, instance]) => {
      const bundles = await bundleInstance(instance, outputFile, ownSources);
      return [directory, bundles] as const;
    }),
  );
  return new Map(bundled);
}

/** The `process.env` of one component instance: what its parent bound, and nothing of the host's. */
import hostProcess from "node:process";
import type { ComponentInstance } from "../definition.js";

/** The deployment's variables, as `npx convex env` edits them. */
export type DeploymentVariables = ReadonlyMap<string, string>;

export interface InstanceEnvironment {
  /** The current value; every read looks it up anew, so that a change is seen by the next call. */
  get(name: string): string | undefined;
  /** A stand-in for `globalThis.process`, which differs from the host's in its `env` only. */
  process: NodeJS.Process;
}

export interface BuiltInVariables {
  CONVEX_CLOUD_URL: string;
  CONVEX_SITE_URL: string;
}

/**
 * @param parent the environment that references of `instance.envBindings` look into; `null` for the app, which sees
 *   all variables of the deployment.
 */
export function createInstanceEnvironment(
  instance: ComponentInstance,
  parent: InstanceEnvironment | null,
  deployment: DeploymentVariables,
  builtIn: BuiltInVariables,
): InstanceEnvironment {
  const builtIns = new Map<string, string>(Object.entries(builtIn));
  const bindings = new Map(Object.entries(instance.envBindings));
  const get = (name: string): string | undefined => {
    const always = builtIns.get(name);
    if (always !== undefined) return always;
    if (parent === null) return deployment.get(name);
    const binding = bindings.get(name);
    if (binding === undefined) return undefined;
    return binding.kind === "value" ? binding.value : parent.get(binding.parentName);
  };
  const names = (): string[] => {
    const candidates = parent === null ? deployment.keys() : bindings.keys();
    return [...new Set([...candidates, ...builtIns.keys()])].filter((name) => get(name) !== undefined);
  };
  const none: NodeJS.ProcessEnv = Object.setPrototypeOf({}, null) as NodeJS.ProcessEnv;
  const env = new Proxy(none, {
    get: (_target, name) => (typeof name === "string" ? get(name) : undefined),
    has: (_target, name) => typeof name === "string" && get(name) !== undefined,
    ownKeys: names,
    getOwnPropertyDescriptor: (_target, name) => {
      const value = typeof name === "string" ? get(name) : undefined;
      return value === undefined ? undefined : { value, enumerable: true, configurable: true, writable: false };
    },
    set: (_target, name) => {
      throw new Error(`process.env.${String(name)} cannot be changed by a function. Use \`npx convex env set\`.`);
    },
    deleteProperty: (_target, name) => {
      throw new Error(`process.env.${String(name)} cannot be removed by a function. Use \`npx convex env remove\`.`);
    },
  });
  const process = new Proxy(hostProcess, {
    get: (target, name) => {
      if (name === "env") return env;
      const value: unknown = Reflect.get(target, name, target);
      return value;
    },
  });
  return { get, process };
}

/** The functions of all component instances: what they are called, who may call them, and what they take. */
import type { JSONValue } from "convex/values";
import { isConvexFunction, type ConvexFunction, type LoadedInstance } from "./instance-modules.js";
import type { FunctionDescription, FunctionKind } from "./types.js";

export interface FunctionRegistry {
  find(componentPath: string, path: string): FunctionDescription | undefined;
  all(): FunctionDescription[];
}

export function createFunctionRegistry(instances: Iterable<LoadedInstance>): FunctionRegistry {
  const functions = new Map<string, FunctionDescription>();
  for (const loaded of instances) {
    for (const description of describeInstance(loaded)) {
      functions.set(`${description.componentPath}\0${description.path}`, description);
    }
  }
  return {
    find: (componentPath, path) => functions.get(`${componentPath}\0${normalizeFunctionPath(path)}`),
    all: () => [...functions.values()],
  };
}

/** `"messages.js:send"` and `"messages:send"` are the same function, `"messages"` is `"messages:default"`. */
export function normalizeFunctionPath(path: string): string {
  const [module = "", name = "default"] = path.split(":");
  return `${module.replace(/\.(?:[cm]?[jt]sx?)$/, "")}:${name}`;
}

function describeInstance({ instance, modules }: LoadedInstance): FunctionDescription[] {
  const described: FunctionDescription[] = [];
  for (const [modulePath, module] of modules) {
    for (const [name, value] of Object.entries(module)) {
      if (!isConvexFunction(value)) continue;
      described.push({
        componentPath: instance.path,
        path: `${modulePath}:${name}`,
        kind: kindOf(value),
        isPublic: value.isPublic === true,
        args: parse(value.exportArgs?.()),
        returns: parse(value.exportReturns?.()),
      });
    }
  }
  return described;
}

function kindOf(value: ConvexFunction): FunctionKind | "httpAction" {
  if (value.isQuery === true) return "query";
  if (value.isMutation === true) return "mutation";
  return value.isAction === true ? "action" : "httpAction";
}

function parse(json: string | undefined): JSONValue {
  // Written by convex/server itself.
  return json === undefined ? null : (JSON.parse(json) as JSONValue);
}

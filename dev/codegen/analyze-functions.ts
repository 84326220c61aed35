/** Finds the Convex functions among the exports of evaluated modules, with their validators. */
import type { EvaluatedModules } from "../embedded-convex/definition/evaluate-modules.js";
import type { AnalyzedFunction, AnalyzedModule, ComponentExports } from "./push-request.js";

const FUNCTION_KINDS = [
  ["isQuery", "Query"],
  ["isMutation", "Mutation"],
  ["isAction", "Action"],
] as const;

/** Chunks that bundled modules share; they register nothing under their own name. */
const SHARED_CHUNKS = "_deps/";
/** Evaluated only with a deployment's variables, and a module of no functions. */
const AUTH_CONFIG = "auth.config.js";

/** @returns analyses by module path (`"agents/public.js"`), sorted; modules without functions are included. */
export function analyzeFunctions(
  evaluated: EvaluatedModules,
  modulePaths: Iterable<string>,
): Record<string, AnalyzedModule> {
  const analyses: Record<string, AnalyzedModule> = {};
  for (const modulePath of [...modulePaths].sort()) {
    if (modulePath.startsWith(SHARED_CHUNKS) || modulePath === AUTH_CONFIG) continue;
    const functions: AnalyzedFunction[] = [];
    for (const [name, exported] of Object.entries(evaluated.load(modulePath))) {
      const analyzed = analyzeFunction(name, exported);
      if (analyzed !== null) functions.push(analyzed);
    }
    functions.sort((a, b) => (a.name < b.name ? -1 : 1));
    analyses[modulePath] = { functions };
  }
  return analyses;
}

function analyzeFunction(name: string, exported: unknown): AnalyzedFunction | null {
  if (typeof exported !== "function") return null;
  const kind = FUNCTION_KINDS.find(([marker]) => read(exported, marker) === true);
  if (kind === undefined) return null;
  return {
    name,
    udfType: kind[1],
    visibility: { kind: read(exported, "isPublic") === true ? "public" : "internal" },
    args: sortFields(exportValidator(exported, "exportArgs")),
    returns: sortFields(exportValidator(exported, "exportReturns")),
  };
}

/** Builds the tree of what a component's parent may call: its public functions, under their module's path. */
export function componentExports(modules: Readonly<Record<string, AnalyzedModule>>): ComponentExports {
  const root = newBranch();
  for (const [modulePath, { functions }] of Object.entries(modules)) {
    const publicFunctions = functions.filter(({ visibility }) => visibility.kind === "public");
    if (publicFunctions.length === 0) continue;
    const importPath = modulePath.replace(/\.js$/, "");
    let current = root;
    for (const segment of importPath.split("/")) current = childBranch(current, segment, modulePath);
    for (const { name } of publicFunctions) {
      current.branch.push([name, { type: "leaf", leaf: `_reference/function/${importPath}:${name}` }]);
    }
  }
  return root;
}

type Branch = Extract<ComponentExports, { type: "branch" }>;

function newBranch(): Branch {
  return { type: "branch", branch: [] };
}

function childBranch(parent: Branch, name: string, modulePath: string): Branch {
  const existing = parent.branch.find(([childName]) => childName === name)?.[1];
  if (existing?.type === "leaf") {
    throw new Error(`${modulePath} and a function are both called "${name}" in one place: rename one of them.`);
  }
  if (existing !== undefined) return existing;
  const created = newBranch();
  parent.branch.push([name, created]);
  return created;
}

function exportValidator(registered: object, method: "exportArgs" | "exportReturns"): string {
  const exporter = read(registered, method);
  const exported: unknown = typeof exporter === "function" ? exporter.call(registered) : undefined;
  if (typeof exported !== "string") throw new Error(`This version of convex registers functions without ${method}().`);
  return exported;
}

/** Convex stores the fields of an object validator by name, so that is the order in which it generates them. */
function sortFields(validator: string): string {
  return JSON.stringify(sorted(JSON.parse(validator)));
}

function sorted(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(sorted);
  if (typeof node !== "object" || node === null) return node;
  const entries = Object.entries(node).map(([key, value]): [string, unknown] => [key, sorted(value)]);
  const isFields = entries.every(([, value]) => typeof value === "object" && value !== null && "fieldType" in value);
  if (isFields) entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

function read(target: object, property: string): unknown {
  return Object.getOwnPropertyDescriptor(target, property)?.value;
}

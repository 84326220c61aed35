/** Opens engines on the fixture app for tests, and closes them again. */
import { fileURLToPath } from "node:url";
import type { JSONValue } from "convex/values";
import type { AppDefinition } from "../definition.js";
import { loadAppDefinition } from "../definition/load.js";
import { createEngine } from "./engine.js";
import type { CallResult, EmbeddedEngine, Engine, EngineOptions, FunctionCall } from "./types.js";

const NOTES_APP = fileURLToPath(new URL("../fixtures/notes-app", import.meta.url));

/** Evaluated once per test file; tests change what the app does, not what it consists of. */
let definition: Promise<AppDefinition> | null = null;

export async function openNotesApp(options: Partial<EngineOptions> = {}): Promise<EmbeddedEngine> {
  definition ??= loadAppDefinition(NOTES_APP);
  return await createEngine({
    projectDirectory: NOTES_APP,
    definition: await definition,
    dataDirectory: null,
    cloudUrl: "http://cloud.test",
    siteUrl: "http://site.test",
    ...options,
  });
}

/** Without the workpool, which is most of what there is to load: for tests that open an engine many times. */
export async function openLeanNotesApp(options: Partial<EngineOptions> = {}): Promise<EmbeddedEngine> {
  definition ??= loadAppDefinition(NOTES_APP);
  const { root, ...rest } = await definition;
  const children = root.children.filter(({ path }) => path !== "workpool");
  return await openNotesApp({ ...options, definition: { ...rest, root: { ...root, children } } });
}

/** Calls a public function anonymously, unless told otherwise. */
export async function call(
  engine: Engine,
  path: string,
  args: JSONValue = {},
  options: Partial<FunctionCall> = {},
): Promise<CallResult> {
  return await engine.call({ kind: "any", path, args, identity: null, allowInternal: false, ...options });
}

/** @returns the value; throws what the function failed with. */
export async function valueOf(
  engine: Engine,
  path: string,
  args: JSONValue = {},
  options: Partial<FunctionCall> = {},
): Promise<JSONValue> {
  const result = await call(engine, path, args, options);
  if (!result.success) throw new Error(result.errorMessage);
  return result.value;
}

/** For functions that return a string, such as an id. */
export async function textOf(...call: Parameters<typeof valueOf>): Promise<string> {
  const value = await valueOf(...call);
  if (typeof value !== "string") throw new Error(`Expected a string, not ${JSON.stringify(value)}.`);
  return value;
}

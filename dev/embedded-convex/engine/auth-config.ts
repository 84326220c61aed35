/** Evaluates `auth.config.ts`, whose providers usually depend on the environment. */
import { Script } from "node:vm";
import type { JSONValue } from "convex/values";
import { z } from "zod";
import { bundleScript } from "./bundle-modules.js";

/** A config is a list of constants; one that takes longer is stuck. */
const TIMEOUT_MS = 5_000;

const vConfig = z.looseObject({ providers: z.array(z.looseObject({})) });

/**
 * @param file absolute, or `null` if the app has none: then there are no providers.
 * @param process what the config sees as `process`, with the current environment at every evaluation.
 * @returns what evaluates the config; it throws if the config does, or if it exports something else.
 * @throws if the file does not compile.
 */
export async function loadAuthConfig(
  file: string | null,
  directory: string,
  process: NodeJS.Process,
): Promise<() => JSONValue[]> {
  if (file === null) return () => [];
  // As text, because values from another context are none of this one's; it also drops variables that are not set.
  const code = `${await bundleScript(file, directory)}\n;JSON.stringify(module.exports.default ?? null)`;
  const script = new Script(code, { filename: file });
  return () => {
    const exports = {};
    const json: unknown = script.runInNewContext(
      { module: { exports }, exports, process, URL, TextDecoder, TextEncoder, atob, btoa },
      { timeout: TIMEOUT_MS },
    );
    const config = vConfig.safeParse(JSON.parse(String(json)));
    if (!config.success) throw new Error(`${file} must export { providers: [...] } by default.`);
    // Parsed from JSON just now.
    return config.data.providers as JSONValue[];
  };
}

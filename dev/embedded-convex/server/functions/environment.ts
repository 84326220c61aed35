/** Environment variables of the deployment: what may be set, and setting several as one. */
import type { Engine } from "../../engine/types.js";
import { HttpError } from "../http/http-error.js";

export interface EnvironmentChange {
  name: string;
  /** null removes. */
  value: string | null;
}

/** Convex's limits: number, length of a name in characters, size of a value in bytes. */
const MAX_VARIABLES = 100;
const MAX_NAME_LENGTH = 40;
const MAX_VALUE_BYTES = 8 * 1024;
const NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Names that the deployment itself gives a value. */
const BUILT_IN = new Set(["CONVEX_CLOUD_URL", "CONVEX_SITE_URL"]);

/**
 * Checks all changes first and then applies them, so that a mistake in one leaves the others undone, too.
 * @throws HttpError 400 that says which name is wrong, and never a value.
 */
export async function changeEnvironment(env: Engine["env"], changes: EnvironmentChange[]): Promise<void> {
  const names = new Set(Object.keys(env.list()));
  for (const { name, value } of changes) {
    if (name.length > MAX_NAME_LENGTH || !NAME_PATTERN.test(name)) {
      throw new HttpError(
        400,
        "EnvVarNameInvalid",
        `"${name.slice(0, MAX_NAME_LENGTH)}" is not a name: letters, digits and underscores, at most ${MAX_NAME_LENGTH}.`,
      );
    }
    if (BUILT_IN.has(name)) throw new HttpError(400, "EnvVarNameForbidden", `${name} is set by the deployment itself.`);
    if (value !== null && Buffer.byteLength(value) > MAX_VALUE_BYTES) {
      throw new HttpError(400, "EnvVarTooLarge", `The value of ${name} is larger than ${MAX_VALUE_BYTES} bytes.`);
    }
    if (value === null) names.delete(name);
    else names.add(name);
  }
  if (names.size > MAX_VARIABLES) {
    throw new HttpError(400, "EnvVarLimitReached", `A deployment has at most ${MAX_VARIABLES} environment variables.`);
  }
  for (const { name, value } of changes) await env.set(name, value ?? undefined);
}

/** @throws HttpError 400 when the body is not `{changes: [{name, value?}]}`. */
export function parseEnvironmentChanges(body: unknown): EnvironmentChange[] {
  const changes = typeof body === "object" && body !== null && "changes" in body ? body.changes : undefined;
  if (!Array.isArray(changes))
    throw new HttpError(400, "BadEnvironmentChanges", 'The body must have an array "changes".');
  return changes.map((change: unknown) => {
    if (typeof change === "object" && change !== null && "name" in change && typeof change.name === "string") {
      const value = "value" in change ? (change.value ?? null) : null;
      if (value === null || typeof value === "string") return { name: change.name, value };
    }
    throw new HttpError(
      400,
      "BadEnvironmentChanges",
      'Every change needs a "name" and, unless it removes, a "value" string.',
    );
  });
}

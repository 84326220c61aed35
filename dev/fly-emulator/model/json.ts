/** JSON values as types, and the few questions the emulator asks of them; nothing is assumed about what a client sent. */

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;

export interface JsonObject {
  [key: string]: JsonValue | undefined;
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Reads JSON text; throws `SyntaxError` as `JSON.parse` does. */
export function parseJson(text: string): JsonValue {
  // JSON.parse returns nothing but JSON values.
  return JSON.parse(text) as JsonValue;
}

/** A deep copy: what is handed out must not change when the original does. */
export function copyJson<T extends JsonValue>(value: T): T {
  return structuredClone(value);
}

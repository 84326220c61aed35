/** The forms in which results leave the HTTP API: Convex's JSON encoding, or plain JSON for callers that are no Convex clients. Pure. */
import { CommitTsPlaceholder, jsonToConvex, type JSONValue, type Value } from "convex/values";
import { HttpError } from "../http/http-error.js";

export type ValueFormat = "convex_encoded_json" | "json";

/** @throws HttpError 400 for a format that Convex does not have. */
export function parseFormat(format: unknown, fallback: ValueFormat): ValueFormat {
  if (format === undefined || format === null) return fallback;
  if (format === "convex_encoded_json" || format === "json") return format;
  throw new HttpError(400, "InvalidFormat", 'The "format" must be "json" or "convex_encoded_json".');
}

export function formatValue(encoded: JSONValue, format: ValueFormat): JSONValue {
  return format === "json" ? plain(jsonToConvex(encoded)) : encoded;
}

/** What plain JSON has no word for becomes text: integers their digits, bytes base64, special numbers their name. */
function plain(value: Value): JSONValue {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString("base64");
  if (Array.isArray(value)) return value.map(plain);
  // The placeholder stands for a commit's time while the commit is being made; what has been stored has none.
  if (typeof value === "object" && value !== null && !(value instanceof CommitTsPlaceholder)) {
    const fields: Record<string, JSONValue> = {};
    for (const [name, field] of Object.entries(value)) if (field !== undefined) fields[name] = plain(field);
    return fields;
  }
  return value instanceof CommitTsPlaceholder ? null : value;
}

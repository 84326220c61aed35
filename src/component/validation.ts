/** Checks of arguments that validators cannot express: sizes, blanks, ranges. Each refusal names the argument and what would be right. */
import { agentFactoryError } from "../shared/errors.js";
import { MAX_IDENTIFIER_BYTES, MAX_METADATA_BYTES, MAX_METADATA_ENTRIES } from "../shared/payload.js";

const encoder = new TextEncoder();

/** UTF-8 size, which is what a document's limit counts. */
export function byteLength(text: string): number {
  return encoder.encode(text).length;
}

export function requireIdentifier(argument: string, value: string): string {
  if (value.trim() === "") {
    throw agentFactoryError("invalid_argument", `${argument} is blank. Pass a non-empty string.`, { argument });
  }
  if (byteLength(value) > MAX_IDENTIFIER_BYTES) {
    throw agentFactoryError("invalid_argument", `${argument} is longer than ${MAX_IDENTIFIER_BYTES} bytes.`, {
      argument,
    });
  }
  return value;
}

export function requireTextWithin(argument: string, value: string, maxBytes: number): string {
  const bytes = byteLength(value);
  if (bytes > maxBytes) {
    throw agentFactoryError(
      "invalid_argument",
      `${argument} is ${bytes} bytes long; at most ${maxBytes} are accepted. Shorten it.`,
      { argument },
    );
  }
  return value;
}

export function requireIntegerBetween(argument: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw agentFactoryError("invalid_argument", `${argument} must be a whole number from ${min} to ${max}.`, {
      argument,
    });
  }
  return value;
}

/** Free-form key and value pairs: few and small, for they are copied into every view. */
export function requireMetadata(argument: string, metadata: Record<string, string> | undefined): void {
  if (metadata === undefined) return;
  const entries = Object.keys(metadata).length;
  if (entries > MAX_METADATA_ENTRIES) {
    throw agentFactoryError(
      "invalid_argument",
      `${argument} has ${entries} entries; at most ${MAX_METADATA_ENTRIES} are accepted.`,
      { argument },
    );
  }
  requireTextWithin(argument, JSON.stringify(metadata), MAX_METADATA_BYTES);
}

/** A list's size: the caller's wish within 1 and `max`, or the default. */
export function boundedLimit(limit: number | undefined, defaultLimit: number, max: number): number {
  if (limit === undefined) return defaultLimit;
  return requireIntegerBetween("limit", limit, 1, max);
}

/** What came back from Fly's Machines API, before anybody has made sense of it. */
import { ProviderError, type ProviderErrorKind } from "../provider.js";
import { isRecord } from "./responses.js";

export type Answer = { status: number; headers: Headers; body: unknown };

export function readList<T>(answer: Answer, read: (value: unknown) => T | null): T[] {
  const { body } = answer;
  // A list comes bare, or (as some deployments of the API do) as a member of an object.
  const values = Array.isArray(body) ? body : isRecord(body) ? Object.values(body).find(Array.isArray) : undefined;
  if (values === undefined) throw unreadable("busy", answer);
  return values.flatMap((value: unknown) => read(value) ?? []);
}

export const UNANSWERED = { status: 0, requestId: null };

/** Something between us and the API answered in its place. */
export function unreadable(kind: ProviderErrorKind, { status, headers }: Answer): ProviderError {
  return new ProviderError(kind, "The answer is not one of the Machines API.", {
    status,
    requestId: headers.get("fly-request-id"),
  });
}

/** Shorter ones are words, not secrets. */
const MIN_SECRET_CHARACTERS = 16;

/**
 * What a server says, without what the request carried: an error travels to logs and pages. A token may be a list of several, of
 * which a server names the one it does not like.
 */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const pieces = secrets.flatMap((secret) => [secret, ...secret.split(/[\s,]+/)]);
  const isSecret = (piece: string) =>
    piece.length >= MIN_SECRET_CHARACTERS || (piece !== "" && secrets.includes(piece));
  // The longest first: most are a part of another one.
  const longestFirst = pieces.filter(isSecret).sort((left, right) => right.length - left.length);
  return longestFirst.reduce((cleaned, piece) => cleaned.replaceAll(piece, "[token]"), text);
}

export function parseJson(body: string): unknown {
  try {
    return body === "" ? null : JSON.parse(body);
  } catch {
    return null;
  }
}

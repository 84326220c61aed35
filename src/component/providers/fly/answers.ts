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

export function parseJson(body: string): unknown {
  try {
    return body === "" ? null : JSON.parse(body);
  } catch {
    return null;
  }
}

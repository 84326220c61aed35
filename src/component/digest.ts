/** SHA-256 and comparison of digests, as the Convex runtime has them. */

/** Hex SHA-256 of UTF-8 text. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Hex of the SHA-256 that Convex keeps of a stored file: base64 in its file table, hex in what its documentation shows. */
export function hexOfStoredDigest(digest: string): string {
  if (/^[0-9a-f]{64}$/.test(digest)) return digest;
  return Array.from(atob(digest), (character) => character.charCodeAt(0).toString(16).padStart(2, "0")).join("");
}

/** Compares two hex digests in time that does not depend on where they differ. */
export function equalDigests(left: string, right: string): boolean {
  if (left.length !== right.length) return false;
  let difference = 0;
  for (let index = 0; index < left.length; index++) difference |= left.charCodeAt(index) ^ right.charCodeAt(index);
  return difference === 0;
}

/** 256 random bits in base64url. Only for actions: in queries and mutations randomness is seeded. */
export function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

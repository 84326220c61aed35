/** The admin key: the one secret that opens internal functions, tables and environment variables of a backend. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/** 256 bits: not guessable, at any rate of trying. */
const KEY_BYTES = 32;

const KEY_PATTERN = /^[0-9a-f]{64}$/;

/** A new random key. Hex, because a `:` would end it where an identity may follow it in a header. */
export function generateAdminKey(): string {
  return randomBytes(KEY_BYTES).toString("hex");
}

/** Compares digests, which have one length, in constant time: neither the key nor its length shows in how long a refusal takes. */
export function isAdminKey(candidate: string, adminKey: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(candidate), digest(adminKey));
}

/**
 * The key in a file, so that it stays the same over restarts; makes file and key when there is none. Only the file's
 * owner can read it (mode 0600).
 * @throws Error when the file holds something else.
 */
export async function adminKeyFromFile(path: string): Promise<string> {
  const existing = await readIfExists(path);
  if (existing !== null) {
    const key = existing.trim();
    if (!KEY_PATTERN.test(key)) {
      throw new Error(`${path} does not contain an admin key (64 hexadecimal digits). Delete it to get a new one.`);
    }
    await chmod(path, 0o600);
    return key;
  }
  const key = generateAdminKey();
  await mkdir(dirname(path), { recursive: true });
  // A crash between write and rename leaves a stray file, never half a key.
  const temporary = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(temporary, `${key}\n`, { mode: 0o600, flag: "wx" });
  await rename(temporary, path);
  return key;
}

async function readIfExists(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

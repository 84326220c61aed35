/** Makes sure that one process at a time uses a data directory; the lock of a killed process does not outlive it. */
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync, linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { z } from "zod";

const LOCK_FILE = "lock";
/** Two processes can meet over one stale lock; this many rounds decide between them. */
const MAX_ATTEMPTS = 5;
/** `ps` answers at once; a machine on which it does not must not hang the start for ever. */
const PS_TIMEOUT_MS = 5_000;

const vOwner = z.object({ pid: z.number().int(), startedAt: z.string(), token: z.string() });
type Owner = z.infer<typeof vOwner>;

/**
 * @param directory exists already.
 * @returns what releases the lock.
 * @throws if another living process, or this one, has the directory open.
 */
export function lockDirectory(directory: string): () => void {
  const path = join(directory, LOCK_FILE);
  const own: Owner = { pid: process.pid, startedAt: startOf(process.pid) ?? "", token: randomUUID() };
  const draft = `${path}.${own.token}`;
  writeFileSync(draft, JSON.stringify(own));
  try {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      if (tryLink(draft, path) && readOwner(path)?.token === own.token) {
        return () => {
          if (readOwner(path)?.token === own.token) rmSync(path, { force: true });
        };
      }
      const owner = readOwner(path);
      if (owner !== null && isAlive(owner)) throw inUse(directory, owner);
      removeStale(path, owner, own);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  throw new Error(`${directory} could not be locked: other processes keep taking it. Start one backend at a time.`);
}

/** Linking is atomic: it fails if the name exists, and never shows a half-written lock. */
function tryLink(draft: string, path: string): boolean {
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if (isCode(error, "EEXIST")) return false;
    throw error;
  }
}

/**
 * Between looking at a stale lock and removing it, another process may have replaced it by its own. So it is moved
 * aside first; if what was moved is not what was seen, it goes back to where it was.
 */
function removeStale(path: string, seen: Owner | null, own: Owner): void {
  const aside = `${path}.stale.${own.token}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if (isCode(error, "ENOENT")) return;
    throw error;
  }
  const moved = readOwner(aside);
  if (moved !== null && moved.token !== seen?.token && !existsSync(path)) tryLink(aside, path);
  rmSync(aside, { force: true });
}

function readOwner(path: string): Owner | null {
  try {
    return vOwner.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}

/** A process id is used again sooner or later; its start time tells the two processes apart. */
function isAlive({ pid, startedAt }: Owner): boolean {
  const start = startOf(pid);
  return start !== null && (start === startedAt || startedAt === "");
}

/** @returns `null` if there is no such process. */
function startOf(pid: number): string | null {
  try {
    if (process.platform === "linux") {
      // After the command's name, which is in parentheses and may contain anything: field 22 counted from the start.
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\)\s/s, "")
        .split(" ");
      if (fields[0] === "Z") return null;
      const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
      return `${boot} ${fields[19] ?? ""}`;
    }
    const output = execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { timeout: PS_TIMEOUT_MS });
    return output.toString().trim() || null;
  } catch {
    return null;
  }
}

function inUse(directory: string, { pid }: Owner): Error {
  return new Error(
    `${directory} is in use by another backend (process ${pid}). Stop it first, or choose another data directory.`,
  );
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

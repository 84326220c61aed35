/** Keeps compiled bundles for as long as their sources stay as they are: a process often opens one app several times. */
import { stat } from "node:fs/promises";

/** More apps and components than any test process opens; the oldest go first. */
const MAX_BUNDLES = 64;

interface CachedBundle {
  code: string;
  /** Every file that went into it → what it was like. */
  sources: Map<string, string>;
}

const cache = new Map<string, CachedBundle>();

export interface CompiledBundle {
  code: string;
  /** Absolute. */
  sourceFiles: readonly string[];
}

/**
 * @param key everything but the sources that decides what `compile` makes.
 * @returns what `compile` made earlier, if none of the sources has changed since.
 */
export async function compileOnce(key: string, compile: () => Promise<CompiledBundle>): Promise<string> {
  const cached = cache.get(key);
  if (cached !== undefined && (await isUnchanged(cached.sources))) return cached.code;
  cache.delete(key);
  const { code, sourceFiles } = await compile();
  const sources = new Map<string, string>();
  for (const file of sourceFiles) sources.set(file, await fingerprint(file));
  cache.set(key, { code, sources });
  for (const oldest of cache.keys()) {
    if (cache.size <= MAX_BUNDLES) break;
    cache.delete(oldest);
  }
  return code;
}

async function isUnchanged(sources: ReadonlyMap<string, string>): Promise<boolean> {
  const checks = [...sources].map(async ([file, before]) => (await fingerprint(file)) === before);
  return (await Promise.all(checks)).every(Boolean);
}

async function fingerprint(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return "gone";
  }
}

/** Runs a part of a test as what the image runs as: permissions mean nothing to root. */
import { chown, readdir } from "node:fs/promises";
import { join } from "node:path";

/** `directory` and all in it become that user's. Not for tests that run side by side: the whole process changes. */
export async function asOrdinaryUser(directory: string, work: () => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0 || process.seteuid === undefined) {
    await work();
    return;
  }
  const nobody = 65_534;
  for (const name of ["", ...(await readdir(directory, { recursive: true }))])
    await chown(join(directory, name), nobody, nobody);
  process.seteuid(nobody);
  try {
    await work();
  } finally {
    process.seteuid(0);
  }
}

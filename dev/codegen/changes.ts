/** Compares generated files with those in the project, and brings the latter up to date. */
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readFolders, type Generated } from "./generate.js";

export type Change = { kind: "create" | "update"; path: string; content: string } | { kind: "delete"; path: string };

/** @returns what is missing, differs, or is no longer generated, by path; empty if the project is up to date. */
export async function changesTo(projectDirectory: string, generated: Generated): Promise<Change[]> {
  const present = await readFolders(projectDirectory, generated.folders);
  const changes: Change[] = [];
  for (const [path, content] of generated.files) {
    const current = present.get(path);
    if (current === content) continue;
    changes.push({ kind: current === undefined ? "create" : "update", path, content });
  }
  for (const path of present.keys()) {
    if (!generated.files.has(path)) changes.push({ kind: "delete", path });
  }
  return changes.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Replaces each file in one step, so that a watching compiler never reads half of one. */
export async function applyChanges(projectDirectory: string, changes: readonly Change[]): Promise<void> {
  for (const change of changes) {
    const target = join(projectDirectory, change.path);
    if (change.kind === "delete") {
      await rm(target, { force: true });
      continue;
    }
    await mkdir(dirname(target), { recursive: true });
    const temporary = `${target}.${process.pid}.tmp`;
    await writeFile(temporary, change.content);
    await rename(temporary, target);
  }
}

/** Small trees of files for tests: written from a description, read back as one. */
import { chmod, lstat, mkdir, readdir, readFile, readlink, symlink, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export type TreeNodeDescription =
  | { kind: "file"; content: string; mode?: number; mtimeSeconds?: number }
  | { kind: "directory"; mode?: number }
  | { kind: "symlink"; target: string };
export type TreeDescription = Record<string, TreeNodeDescription | string>;

export async function writeTree(root: string, tree: TreeDescription): Promise<void> {
  await mkdir(root, { recursive: true });
  for (const [path, described] of Object.entries(tree)) {
    const node = typeof described === "string" ? { kind: "file" as const, content: described } : described;
    const full = join(root, path);
    await mkdir(dirname(full), { recursive: true });
    if (node.kind === "symlink") {
      await symlink(node.target, full);
      continue;
    }
    if (node.kind === "directory") await mkdir(full, { recursive: true });
    else await writeFile(full, node.content);
    if (node.mode !== undefined) await chmod(full, node.mode);
    if (node.kind === "file" && node.mtimeSeconds !== undefined) {
      await utimes(full, node.mtimeSeconds, node.mtimeSeconds);
    }
  }
}

/** Everything below `root` with kind, content and permission bits; folders end in `/`. */
export async function readTree(root: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  const visit = async (path: string): Promise<void> => {
    for (const name of await readdir(join(root, path))) {
      const below = path === "" ? name : `${path}/${name}`;
      const full = join(root, below);
      const stats = await lstat(full);
      const mode = (stats.mode & 0o7777).toString(8);
      if (stats.isSymbolicLink()) found[below] = `-> ${await readlink(full)}`;
      else if (stats.isDirectory()) {
        found[`${below}/`] = mode;
        await visit(below);
      } else found[below] = `${mode} ${Math.floor(stats.mtimeMs / 1000)} ${(await readFile(full)).toString("base64")}`;
    }
  };
  await visit("");
  return found;
}

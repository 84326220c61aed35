/** Turns a path that a model wrote into one inside the workspace, or refuses it; links that lead out are refused too. */
import { realpath } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { ToolFailed } from "./tool.js";

/** Longer ones no file system takes. */
const MAX_PATH_BYTES = 4_096;

const isInside = (root: string, path: string) => path === root || path.startsWith(root + sep);

/** @param path below the workspace; an absolute one must name the workspace itself or something in it */
export async function insideWorkspace(workspaceDirectory: string, path: string): Promise<string> {
  if (path.includes("\0") || Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new ToolFailed("This is not a valid path.");
  const wanted = resolve(workspaceDirectory, path);
  const root = await realpath(workspaceDirectory);
  // What exists of the path decides where it really leads; the rest is only names.
  const real = await existingPart(wanted);
  const isAllowed = isInside(resolve(workspaceDirectory), wanted) && isInside(root, real);
  if (!isAllowed) throw new ToolFailed(`${path} is outside of the workspace. Use a path relative to the workspace.`);
  return wanted;
}

async function existingPart(path: string): Promise<string> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    try {
      return join(await realpath(candidate), relative(candidate, path));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : null;
      if (code === "ELOOP") throw new ToolFailed("This path is a link in a circle.");
      if ((code !== "ENOENT" && code !== "ENOTDIR") || candidate === dirname(candidate)) throw error;
    }
  }
}

/** The tools that read, write and list the files of the workspace. */
import { createReadStream } from "node:fs";
import { appendFile, lstat, mkdir, opendir, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { z } from "zod";
import { wellFormed } from "../../../well-formed.js";
import { tool, ToolFailed } from "./tool.js";
import { insideWorkspace } from "./workspace-path.js";

/** About 16,000 tokens: a good part of a request, and enough for most files. */
const MAX_READ_BYTES = 48 * 1024;
/** What a model writes in one answer is far less. */
const MAX_WRITE_CHARACTERS = 1024 * 1024;
const MAX_LISTED = 400;
/** Folders below the one that is listed. */
const MAX_LIST_DEPTH = 16;

const vPath = z.string().describe("Path relative to the workspace");

export const readFileTool = tool({
  name: "read_file",
  description: `Reads a text file of the workspace, at most ${MAX_READ_BYTES} bytes at a time.`,
  parameters: z.object({
    path: vPath,
    offset: z.number().int().min(0).optional().describe("Byte to begin at, 0 when left out"),
  }),
  async run({ path, offset = 0 }, { workspaceDirectory }) {
    const file = await insideWorkspace(workspaceDirectory, path);
    const found = await stat(file);
    if (!found.isFile()) throw new ToolFailed(`${path} is not a file. Use list_files to see what is in a folder.`);
    if (offset > 0 && offset >= found.size) throw new ToolFailed(`${path} has only ${found.size} bytes.`);
    const parts: Buffer[] = [];
    for await (const part of createReadStream(file, { start: offset, end: offset + MAX_READ_BYTES - 1 })) {
      if (Buffer.isBuffer(part)) parts.push(part);
    }
    const bytes = Buffer.concat(parts);
    if (bytes.includes(0)) throw new ToolFailed(`${path} is not a text file (${found.size} bytes).`);
    const end = offset + bytes.length;
    const rest = found.size > end ? `\n[bytes ${offset} to ${end} of ${found.size}; go on with offset ${end}]` : "";
    return bytes.toString("utf8") + rest;
  },
});

export const writeFileTool = tool({
  name: "write_file",
  description:
    "Writes a text file in the workspace, and its folder if need be. Replaces the file unless append is true.",
  parameters: z.object({
    path: vPath,
    content: z.string().max(MAX_WRITE_CHARACTERS),
    append: z.boolean().optional(),
  }),
  async run({ path, content, append = false }, { workspaceDirectory }) {
    const file = await insideWorkspace(workspaceDirectory, path);
    const found = await stat(file).catch(() => null);
    // Whoever opens a pipe waits for somebody at its other end.
    if (found !== null && !found.isFile()) throw new ToolFailed(`${path} is not a file.`);
    await mkdir(dirname(file), { recursive: true });
    if (append) await appendFile(file, wellFormed(content));
    else await writeFile(file, wellFormed(content));
    return `${append ? "Appended to" : "Wrote"} ${path}.`;
  },
});

export const listFilesTool = tool({
  name: "list_files",
  description: `Lists files and folders of the workspace with their sizes, at most ${MAX_LISTED}.`,
  parameters: z.object({
    path: vPath.optional(),
    recursive: z.boolean().optional().describe("Also list what is in the folders"),
  }),
  async run({ path = ".", recursive = false }, { workspaceDirectory, signal }) {
    const folder = await insideWorkspace(workspaceDirectory, path);
    const lines: string[] = [];
    const isComplete = await listFolder(folder, folder, recursive ? MAX_LIST_DEPTH : 0, lines, signal);
    if (lines.length === 0) return "The folder is empty.";
    if (!isComplete) lines.push(`[more than ${MAX_LISTED} entries; list a folder of it]`);
    return lines.join("\n");
  },
});

/** Returns false when there was more than may be listed. */
async function listFolder(
  root: string,
  folder: string,
  depth: number,
  lines: string[],
  signal: AbortSignal,
): Promise<boolean> {
  const names: string[] = [];
  // Read one by one, so that a folder of a million files costs no memory.
  for await (const { name } of await opendir(folder)) {
    names.push(name);
    if (names.length > MAX_LISTED) break;
  }
  let isComplete = names.length <= MAX_LISTED;
  for (const name of names.sort()) {
    if (lines.length >= MAX_LISTED || signal.aborted) return false;
    const path = join(folder, name);
    const found = await lstat(path).catch(() => null);
    if (found === null) continue;
    const shown = relative(root, path).split(sep).join("/");
    lines.push(found.isDirectory() ? `${shown}/` : `${shown} (${found.isFile() ? `${found.size} bytes` : "link"})`);
    if (found.isDirectory() && depth > 0) {
      isComplete = (await listFolder(root, path, depth - 1, lines, signal)) && isComplete;
    }
  }
  return isComplete;
}

/** The echo runtime's memory: one Markdown list in the agent's workspace. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

export const NOTES_FILE = "notes.md";

/** Enough for any demonstration; a longer list would no longer fit into one reply. */
const MAX_NOTES = 1_000;
const MAX_NOTE_CHARACTERS = 2_000;

/** The notes are full, or one is too long; the message is fit for the user. */
export class NotesLimit extends Error {
  override readonly name = "NotesLimit";
}

/** Every line that starts with `- ` is a note; whatever else somebody wrote into the file is left alone. */
export async function readNotes(workspace: string): Promise<string[]> {
  return (await readLines(workspace)).filter(isNote).map((line) => line.slice(2));
}

/** Adds a note and returns how many there are. @throws NotesLimit */
export async function addNote(workspace: string, text: string): Promise<number> {
  const lines = await readLines(workspace);
  const count = lines.filter(isNote).length;
  if (text.length > MAX_NOTE_CHARACTERS) throw new NotesLimit(`A note has at most ${MAX_NOTE_CHARACTERS} characters.`);
  if (count >= MAX_NOTES) throw new NotesLimit(`There are ${MAX_NOTES} notes already; forget one first.`);
  await writeLines(workspace, [...lines, `- ${text.replace(/\s+/g, " ").trim()}`]);
  return count + 1;
}

/** Removes the note with this number, counted from 1, and returns it; `null` when there is none. */
export async function removeNote(workspace: string, number: number): Promise<string | null> {
  const lines = await readLines(workspace);
  const positions = lines.flatMap((line, index) => (isNote(line) ? [index] : []));
  const position = positions[number - 1];
  if (position === undefined) return null;
  const [removed] = lines.splice(position, 1);
  await writeLines(workspace, lines);
  return removed?.slice(2) ?? null;
}

const isNote = (line: string) => line.startsWith("- ");

async function readLines(workspace: string): Promise<string[]> {
  try {
    const text = await readFile(join(workspace, NOTES_FILE), "utf8");
    return text.split("\n").filter((line, index, lines) => line !== "" || index < lines.length - 1);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

async function writeLines(workspace: string, lines: readonly string[]): Promise<void> {
  // Written beside and renamed: a full disk must not cost the notes that were there.
  const temporary = join(workspace, `.${NOTES_FILE}.new`);
  await writeFile(temporary, lines.map((line) => `${line}\n`).join(""));
  await rename(temporary, join(workspace, NOTES_FILE));
}

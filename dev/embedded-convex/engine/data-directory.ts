/** Keeps a deployment's state on disk: a snapshot now and then, and a log with one line per commit since. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { lockDirectory } from "./directory-lock.js";
import { JsonLinesWriter, readJsonLines } from "./json-lines.js";
import { parseRecord, type SavedRecord } from "./records.js";

/** Below this a log is replayed within a second, and a snapshot would not be worth its writing. */
const MIN_COMPACTION_BYTES = 8 << 20;
/** What is joined into one write of a snapshot; in between, the process does other work. */
const SNAPSHOT_BATCH_CHARACTERS = 1 << 18;
/** The last line of a snapshot. */
const END_OF_SNAPSHOT = "end of snapshot";

const FILE_NAME = /^(snapshot|log)-(\d+)\.jsonl$/;

/**
 * `snapshot-N` holds everything up to the beginning of `log-N`. State = the newest snapshot and all logs from its
 * number on, so a crash at any point of a compaction leaves a complete set behind.
 */
export class DataDirectory {
  private log: JsonLinesWriter;
  private compaction: Promise<void> | null = null;
  private isClosed = false;

  private constructor(
    private readonly directory: string,
    private readonly unlock: () => void,
    private generation: number,
    logBytes: number,
    private snapshotBytes: number,
  ) {
    this.log = new JsonLinesWriter(this.path("log", generation), logBytes);
  }

  /**
   * @param apply is given every saved record, oldest first.
   * @throws if another process has the directory open, or its files are damaged.
   */
  static async open(directory: string, apply: (record: SavedRecord) => void): Promise<DataDirectory> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const unlock = lockDirectory(directory);
    try {
      const files = await listGenerations(directory);
      const base = Math.max(0, ...files.snapshots);
      let snapshotBytes = 0;
      if (files.snapshots.includes(base))
        snapshotBytes = await readSnapshot(join(directory, name("snapshot", base)), apply);
      const logs = files.logs.filter((generation) => generation >= base).sort((a, b) => a - b);
      let logBytes = 0;
      for (const generation of logs) {
        const isLast = generation === logs.at(-1);
        logBytes = 0;
        for await (const { value, end } of readJsonLines(join(directory, name("log", generation)), isLast)) {
          apply(parseRecord(value));
          logBytes = end;
        }
      }
      const opened = new DataDirectory(directory, unlock, logs.at(-1) ?? base, logBytes, snapshotBytes);
      await opened.removeOlderThan(base);
      return opened;
    } catch (error) {
      unlock();
      throw error;
    }
  }

  /** @throws if it could not be saved; then it is as if it had never been tried. */
  append(record: SavedRecord): void {
    if (this.isClosed) throw new Error("The backend is closed and accepts no more changes.");
    this.log.append(JSON.stringify(record));
  }

  /** Whether the log has become long enough, compared to what there is, for a snapshot to pay. */
  isCompactionDue(): boolean {
    return this.compaction === null && this.log.bytes > Math.max(MIN_COMPACTION_BYTES, this.snapshotBytes);
  }

  /**
   * Replaces log and snapshot by a new snapshot, while commits go on.
   *
   * @param records the complete state at this moment; read bit by bit later, so nothing in it may change.
   */
  compact(records: Iterable<SavedRecord>): Promise<void> {
    this.compaction ??= this.writeSnapshot(records).finally(() => {
      this.compaction = null;
    });
    return this.compaction;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.compaction?.catch(() => undefined);
    this.log.close();
    this.unlock();
  }

  private async writeSnapshot(records: Iterable<SavedRecord>): Promise<void> {
    const generation = this.generation + 1;
    // From here on commits go to the new log. Without its snapshot, the old files and this log are the state.
    const previous = this.log;
    this.log = new JsonLinesWriter(this.path("log", generation), 0);
    this.generation = generation;
    previous.close();
    const path = this.path("snapshot", generation);
    const draft = `${path}.tmp`;
    const file = await open(draft, "w", 0o600);
    try {
      let batch = "";
      for (const record of records) {
        batch += `${JSON.stringify(record)}\n`;
        if (batch.length < SNAPSHOT_BATCH_CHARACTERS) continue;
        await file.writeFile(batch);
        batch = "";
      }
      await file.writeFile(`${batch}${JSON.stringify(END_OF_SNAPSHOT)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
    syncDirectory(this.directory);
    this.snapshotBytes = (await stat(path)).size;
    await this.removeOlderThan(generation);
  }

  private async removeOlderThan(generation: number): Promise<void> {
    for (const entry of await readdir(this.directory)) {
      const [, , number] = FILE_NAME.exec(entry) ?? [];
      const isOld = number !== undefined && Number(number) < generation;
      const isDraft = entry.endsWith(".jsonl.tmp");
      if (isOld || isDraft) await rm(join(this.directory, entry), { force: true });
    }
  }

  private path(kind: "snapshot" | "log", generation: number): string {
    return join(this.directory, name(kind, generation));
  }
}

function name(kind: "snapshot" | "log", generation: number): string {
  return `${kind}-${generation}.jsonl`;
}

async function listGenerations(directory: string): Promise<{ snapshots: number[]; logs: number[] }> {
  const found = { snapshots: new Array<number>(), logs: new Array<number>() };
  for (const entry of await readdir(directory)) {
    const [, kind, number] = FILE_NAME.exec(entry) ?? [];
    if (kind === "snapshot") found.snapshots.push(Number(number));
    else if (kind === "log") found.logs.push(Number(number));
  }
  return found;
}

/** @returns its size in bytes. */
async function readSnapshot(path: string, apply: (record: SavedRecord) => void): Promise<number> {
  let size = 0;
  let isComplete = false;
  for await (const { value, end } of readJsonLines(path, false)) {
    size = end;
    if (value === END_OF_SNAPSHOT) isComplete = true;
    else apply(parseRecord(value));
  }
  // It got its name only when it was complete.
  if (!isComplete)
    throw new Error(`${path} is cut off. Restore the data directory from a copy, or remove it to start empty.`);
  return size;
}

/** Makes a rename survive a power failure. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

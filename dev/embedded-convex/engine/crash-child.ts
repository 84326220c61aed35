/** A process that writes through an engine until it is killed; the crash test starts it, and kills it. */
import { writeSync } from "node:fs";
import process from "node:process";
import { call, openLeanNotesApp, valueOf } from "./test-engine.js";

/** Large enough that some hundred of them make the log due for a snapshot. */
const TEXT = "x".repeat(50_000);
const MAX_NOTES = 100_000;
const ACTION_MS = 600_000;

const [mode, dataDirectory] = process.argv.slice(2);
if (dataDirectory === undefined)
  throw new Error("usage: crash-child.ts <notes|action|jobs|full|idle> <data directory>");
const engine = await openLeanNotesApp({ dataDirectory });
// Its parent's end is its own: a test that was stopped leaves no process behind.
process.stdin.on("close", () => process.exit()).resume();
/** Not through a stream, which a kill would cut off together with what it still buffers. */
const tell = (line: string): void => {
  writeSync(process.stdout.fd, `${line}\n`);
};

if (mode === "notes") {
  const existing = engine.readTable("", "notes", { limit: MAX_NOTES, order: "asc" }).length;
  for (let number = existing; number < MAX_NOTES; number += 1) {
    const args = { author: "child", text: `${number} ${TEXT}` };
    await valueOf(engine, "notes:add", args, { requestKey: `child/${number}` });
    if (number % 10 === 0) await valueOf(engine, "files:storeInAction", { text: `file ${number}` });
    tell(String(number));
  }
} else if (mode === "action") {
  await valueOf(engine, "jobs:scheduleAction", { kind: "interrupted", delayMs: 0, ms: ACTION_MS });
  await valueOf(engine, "jobs:scheduleMutation", {
    kind: "due later",
    delayMs: 1_500,
    fail: false,
    failAfterwards: false,
  });
  engine.onCommit(() => {
    const begun = engine.readTable("", "events", { limit: 10, order: "asc" });
    if (begun.some((event) => JSON.stringify(event).includes("interrupted begins"))) tell("begun");
  });
} else if (mode === "jobs") {
  for (let number = 0; number < MAX_NOTES; number += 1) {
    const args = { kind: `job ${number}`, delayMs: 0, fail: false, failAfterwards: false };
    await valueOf(engine, "jobs:scheduleMutation", args);
    tell(String(number));
  }
} else if (mode === "full") {
  // Until the disk is full, which the parent has arranged to be soon.
  for (let number = 0; number < MAX_NOTES; number += 1) {
    const result = await call(engine, "notes:add", { author: "child", text: `${number} ${TEXT}` });
    if (result.success) continue;
    const kept = engine.readTable("", "notes", { limit: MAX_NOTES, order: "asc" }).length;
    const listed = await valueOf(engine, "notes:countAll");
    tell(JSON.stringify({ acknowledged: number, kept, listed, errorMessage: result.errorMessage }));
    break;
  }
  process.exit();
} else {
  tell("open");
}

/**
 * Outlives the emulator by a moment and kills its machines when it dies without closing them: standard input is a pipe
 * from the emulator, and its end is the one thing that even SIGKILL cannot keep from happening.
 *
 * Lines in: `add <process group> <marker as JSON>` and `remove <process group>`.
 */
import { createInterface } from "node:readline";
import { killMachine } from "./process-members.mjs";

/** @type {Map<number, string>} */
const machines = new Map();

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const [verb, group, ...rest] = line.split(" ");
    if (verb === "add") machines.set(Number(group), JSON.parse(rest.join(" ")));
    if (verb === "remove") machines.delete(Number(group));
  })
  .on("close", () => {
    for (const [group, marker] of machines) killMachine(group, marker);
    process.exit(0);
  });

/**
 * Finds every process of a machine, also those that left its process group: by the marker that each inherits in its
 * environment. Plain JavaScript because the reaper runs it without a compiler.
 */
import { readdirSync, readFileSync } from "node:fs";

/**
 * Ids of all living processes whose environment holds `marker` (`NAME=value`) exactly. Linux only: elsewhere the list
 * is empty, and only the process group is known.
 *
 * @param {string} marker
 * @returns {number[]}
 */
export function processesMarked(marker) {
  const members = [];
  const needle = Buffer.from(`\0${marker}\0`);
  for (const entry of listProcesses()) {
    const environment = readEnvironment(entry);
    if (environment !== undefined && Buffer.concat([ZERO, environment, ZERO]).includes(needle)) {
      members.push(Number(entry));
    }
  }
  return members;
}

/**
 * Sends SIGKILL to a machine's process group and to each of its processes outside the group.
 *
 * @param {number} groupId
 * @param {string} marker
 */
export function killMachine(groupId, marker) {
  kill(-groupId, "SIGKILL");
  // A process may fork between the look and the kill; each round leaves fewer, and a bound ends it in any case.
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const members = processesMarked(marker);
    if (members.length === 0) return;
    for (const member of members) kill(member, "SIGKILL");
  }
}

/**
 * @param {number} target
 * @param {NodeJS.Signals} signal
 * @returns {boolean} whether there was anything to signal
 */
export function kill(target, signal) {
  try {
    return process.kill(target, signal);
  } catch {
    return false;
  }
}

const ZERO = Buffer.from([0]);
const MAX_ROUNDS = 5;

function listProcesses() {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
}

/** @param {string} processId */
function readEnvironment(processId) {
  try {
    const environment = readFileSync(`/proc/${processId}/environ`);
    return environment.length === 0 ? undefined : environment;
  } catch {
    // It ended, or belongs to somebody else.
    return undefined;
  }
}

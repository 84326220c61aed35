/** Types of `process-members.mjs`. */

/** Ids of all living processes whose environment holds `marker` (`NAME=value`) exactly; empty where there is no /proc. */
export function processesMarked(marker: string): number[];

/** Sends SIGKILL to a machine's process group and to each of its processes outside the group. */
export function killMachine(groupId: number, marker: string): void;

/** Signals a process (or a group, negative); answers whether there was anything to signal. */
export function kill(target: number, signal: NodeJS.Signals): boolean;

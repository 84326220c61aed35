/** A named pipe: opening it waits for somebody at its other end. For tests of those who must not wait. */
import { execFileSync } from "node:child_process";

export function makePipe(path: string): void {
  execFileSync("/bin/sh", ["-c", 'mkfifo "$1"', "sh", path]);
}

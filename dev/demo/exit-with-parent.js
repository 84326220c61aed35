/**
 * Loaded into the processes of Next.js (`node --import`): ends them when the program that started them is gone.
 *
 * A program that is killed cannot clean up after itself, and a server that outlives it keeps its port.
 */
import process from "node:process";

const CHECK_INTERVAL_MS = 1_000;

const parent = Number(process.env["EXIT_WITH_PROCESS"]);

if (Number.isInteger(parent) && parent > 0) {
  setInterval(() => {
    try {
      process.kill(parent, 0);
    } catch {
      // Process 0 is one's own group: all of Next.js, and nothing else.
      process.kill(0, "SIGKILL");
    }
  }, CHECK_INTERVAL_MS).unref();
}

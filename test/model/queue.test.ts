/** The queue against its reference, step by step, under random steps and faults. `npm run test:model` runs more of it. */
import process from "node:process";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Driver } from "./driver.js";
import { modelOptions } from "./options.js";
import { beginRun, doStep, endRun, replay } from "./run.js";
import { REGRESSIONS } from "./regressions.js";
import { WEIGHTED_STEPS, type Step } from "./steps.js";

const { runs, length, seed, path, replayPath, shrinks } = modelOptions();
/** A minute for what takes seconds on an idle machine; long runs get what they need. */
const TIMEOUT_MS = 120_000 + runs * length * 50;

/** fast-check shrinks a run by leaving out commands; what stays must still make sense, so every command always applies. */
class StepCommand implements fc.AsyncCommand<object, { driver: Driver }> {
  constructor(private readonly step: Step) {}
  check = () => true;
  async run(_: object, { driver }: { driver: Driver }): Promise<void> {
    await doStep(driver, this.step);
  }
  toString = () => JSON.stringify(this.step);
}

const commands = fc.commands(
  WEIGHTED_STEPS.flatMap(({ weight, arbitrary }) => {
    const command = arbitrary.map((step) => new StepCommand(step));
    return Array.from({ length: weight }, () => command);
  }),
  // Lengths are spread evenly up to the maximum, so this makes the average run as long as was asked for.
  { maxCommands: 2 * length, size: "max", ...(replayPath === undefined ? {} : { replayPath }) },
);

const describeTally = (tally: Map<string, number>) =>
  [...tally]
    .map(([what, times]) => `${what} ${times}`)
    .sort()
    .join(", ");

beforeEach(() => {
  vi.stubEnv("AGENT_FACTORY_LOG_LEVEL", "error");
  // The sweep's loop says when it had to be started anew, which here is every time its jobs have been late.
  vi.spyOn(console, "error").mockImplementation((...words: unknown[]) => {
    if (!String(words[0]).startsWith("[monitor]")) process.stderr.write(`${words.map(String).join(" ")}\n`);
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe("the queue and its reference", () => {
  it(
    "agree on every answer and every row, whatever happens, and nothing accepted is lost",
    async () => {
      const tally = new Map<string, number>();
      let steps = 0;
      await fc.assert(
        fc.asyncProperty(commands, async (run) => {
          const driver = await beginRun();
          try {
            await fc.asyncModelRun(() => ({ model: {}, real: { driver } }), run);
          } catch (error) {
            driver.world.close();
            throw error;
          }
          await endRun(driver);
          for (const _ of run) steps += 1;
          for (const [what, times] of driver.tally) tally.set(what, (tally.get(what) ?? 0) + times);
        }),
        {
          numRuns: runs,
          seed,
          ...(path === undefined ? {} : { path }),
          endOnFailure: !shrinks,
          includeErrorInReport: true,
        },
      );
      process.stdout.write(`seed ${seed}: ${runs} runs, ${steps} steps; ${describeTally(tally)}\n`);
      expect(steps).toBeGreaterThan(0);
    },
    TIMEOUT_MS,
  );
});

describe("runs that have failed once", () => {
  for (const { what, steps } of REGRESSIONS) {
    it(`still hold: ${what}`, async () => {
      await replay(steps);
    });
  }
});

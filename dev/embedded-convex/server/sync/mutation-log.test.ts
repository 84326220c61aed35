/** What the mutation log must remember, and what it may forget. */
import { describe, expect, it } from "vitest";
import type { CallResult } from "../../engine/types.js";
import { MutationLog } from "./mutation-log.js";

const result = (value: string): CallResult => ({
  success: true,
  kind: "mutation",
  value,
  logLines: [],
  readSet: null,
  ts: 1n,
  journal: null,
});

describe("the mutation log", () => {
  it("runs a request once, while it runs and after", async () => {
    const log = new MutationLog();
    let runs = 0;
    const execute = async () => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      return result(`run ${runs}`);
    };
    const outcomes = await Promise.all([log.runOnce("s", 1, execute), log.runOnce("s", 1, execute)]);
    outcomes.push(await log.runOnce("s", 1, execute));
    expect(outcomes.map((outcome) => outcome.success && outcome.value)).toEqual(["run 1", "run 1", "run 1"]);
    await log.runOnce("s", 2, execute);
    await log.runOnce("other", 1, execute);
    expect(runs).toBe(3);
  });

  it("forgets the sessions that were silent longest, and of one session what is oldest", async () => {
    const log = new MutationLog();
    const ranAgain = async (session: string, request: number) => {
      let ran = false;
      await log.runOnce(session, request, async () => {
        ran = true;
        return result("again");
      });
      return ran;
    };
    for (let session = 0; session < 1_000; session++) await log.runOnce(`s${session}`, 0, async () => result(""));
    expect(await ranAgain("s0", 0)).toBe(false);
    await log.runOnce("one more", 0, async () => result(""));
    expect(await ranAgain("s0", 0)).toBe(false);
    expect(await ranAgain("s1", 0)).toBe(true);

    for (let request = 0; request < 1_001; request++) await log.runOnce("busy", request, async () => result(""));
    expect(await ranAgain("busy", 1_000)).toBe(false);
    expect(await ranAgain("busy", 1)).toBe(false);
    expect(await ranAgain("busy", 0)).toBe(true);
  });

  it("does not hold large results without bound", async () => {
    const log = new MutationLog();
    const large = "x".repeat(8 * 1024 * 1024);
    let runs = 0;
    const run = async (request: number) =>
      await log.runOnce("s", request, async () => {
        runs++;
        return result(large);
      });
    for (let request = 0; request < 10; request++) await run(request);
    await run(9);
    expect(runs).toBe(10);
    await run(0);
    expect(runs).toBe(11);
  });
});

import { describe, expect, it } from "vitest";
import { pause } from "../../../src/component/pool/steps.js";
import { EPOCH_MS, VirtualTime } from "./virtual-time.js";

describe("VirtualTime", () => {
  it("lets events happen in the order of their times, and at one time in the order they were asked for", async () => {
    const time = new VirtualTime();
    const happened: string[] = [];
    const delays = [50, 10, 30, 10, 40, 20, 10];
    for (const [index, ms] of delays.entries()) time.after(ms, () => happened.push(`${ms}/${index}`));
    await time.run(EPOCH_MS + 100);
    expect(happened).toEqual(["10/1", "10/3", "10/6", "20/5", "30/2", "40/4", "50/0"]);
  });

  it("leaves undone what is due after the end", async () => {
    const time = new VirtualTime();
    let count = 0;
    time.after(10, () => {
      count++;
    });
    time.after(11, () => {
      count++;
    });
    await time.run(EPOCH_MS + 10);
    expect(count).toBe(1);
    expect(time.now).toBe(EPOCH_MS + 10);
  });

  it("is the clock and the timers of the product's code while it runs, and gives both back", async () => {
    const { now } = Date;
    const { setTimeout } = globalThis;
    const time = new VirtualTime();
    const seen: number[] = [];
    const wait = async () => {
      for (let round = 0; round < 3; round++) {
        await pause(60 * 60_000);
        seen.push(Date.now() - EPOCH_MS);
      }
    };
    time.at(EPOCH_MS, () => void wait());
    // Each of the three has to go on before the next hour passes.
    for (let minute = 1; minute < 180; minute++) time.after(minute * 60_000, () => undefined);
    await time.run(EPOCH_MS + 24 * 60 * 60_000);
    expect(seen).toEqual([1, 2, 3].map((hours) => hours * 60 * 60_000));
    expect(Date.now).toBe(now);
    expect(globalThis.setTimeout).toBe(setTimeout);
  });

  it("gives the clock back when an event fails", async () => {
    const { now } = Date;
    const time = new VirtualTime();
    time.after(1, () => {
      throw new Error("a defect");
    });
    await expect(time.run(EPOCH_MS + 10)).rejects.toThrow("a defect");
    expect(Date.now).toBe(now);
  });

  it("fails with the work that was started on the side", async () => {
    const time = new VirtualTime();
    time.start(async () => {
      await time.pause(5);
      throw new Error("a defect later on");
    });
    time.after(10, () => undefined);
    await expect(time.run(EPOCH_MS + 20)).rejects.toThrow("a defect later on");
  });

  it("refuses a second simulation at the same time", async () => {
    const time = new VirtualTime();
    let refusal: Promise<void> | null = null;
    time.after(1, () => void (refusal = new VirtualTime().run(EPOCH_MS + 10)));
    const run = time.run(EPOCH_MS + 10);
    await run;
    await expect(refusal).rejects.toThrow("Another simulation");
  });
});

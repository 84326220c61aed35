/** The story of the fleet: every decision with its reason, newest first, of the pool or of one worker, for a week. */
import { describe, expect, it } from "vitest";
import type { FleetEventView } from "../../shared/views.js";
import { inComponent, lib, passTime, startWithAgent, useFakeClock } from "../setup.test-kit.js";
import { startWorker } from "../worker.test-kit.js";
import type { Harness } from "../setup.test-kit.js";
import { moveWorker } from "../workers/fleet.js";
import { STOPPED_WORKER_RETENTION_MS } from "../workers/retention.js";

type Selection = { workerId?: string; before?: number; limit?: number };

async function timeline(t: Harness, selection: Selection = {}): Promise<FleetEventView[]> {
  return await t.action(async (ctx) => await ctx.runQuery(lib.fleetTimeline, selection));
}

describe("fleetTimeline", () => {
  useFakeClock();

  async function startTwo() {
    const t = await startWithAgent();
    const first = await startWorker(t);
    passTime(1_000);
    const second = await startWorker(t);
    passTime(1_000);
    await inComponent(t, async (ctx) => await moveWorker(ctx, first.workerId, "lost", "Its heartbeat stopped."));
    return { t, first, second };
  }

  it("tells what happened, newest first, with the reason of each", async () => {
    const { t, first } = await startTwo();
    const events = await timeline(t);
    expect(events.map(({ kind }) => kind)).toEqual(["lost", "enrolled", "spawned", "enrolled", "spawned"]);
    expect(events[0]).toMatchObject({ workerId: first.workerId, from: "active", to: "stopping" });
    expect(events[0]?.reason).toBe("Its heartbeat stopped.");
  });

  it("cuts a reason that is a page, and no character in two", async () => {
    const { t, second } = await startTwo();
    const page = `${"x".repeat(499)}\u{1F600}, and so on`;
    await inComponent(t, async (ctx) => await moveWorker(ctx, second.workerId, "lost", page));
    expect((await timeline(t))[0]?.reason).toBe("x".repeat(499));
  });

  it("tells of one worker, and goes on where a page ended", async () => {
    const { t, first } = await startTwo();
    const of = await timeline(t, { workerId: first.workerId });
    expect(of.map(({ kind }) => kind)).toEqual(["lost", "enrolled", "spawned"]);
    const [newest] = await timeline(t, { limit: 1 });
    if (newest === undefined) throw new Error("Nothing is told.");
    const rest = await timeline(t, { before: newest.at });
    expect(rest).toHaveLength(4);
    expect(rest).not.toContainEqual(newest);
  });

  it("is forgotten when it is older than stopped workers may become", async () => {
    const { t } = await startTwo();
    const sweep = async () => await t.action(async (ctx) => await ctx.runMutation(lib.runRetention, {}));
    passTime(STOPPED_WORKER_RETENTION_MS - 10_000);
    await sweep();
    expect(await timeline(t)).toHaveLength(5);
    passTime(20_000);
    await sweep();
    expect(await timeline(t)).toEqual([]);
  });
});

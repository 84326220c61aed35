/** The path of one message through the component, with a worker that is only a pair of credentials. */
import { describe, expect, it } from "vitest";
import { configureAgent, enqueue, queueStats, startComponent, useFakeClock } from "./setup.test-kit.js";
import { startWorker } from "./worker.test-kit.js";

describe("one message", () => {
  useFakeClock();

  it("is enqueued, claimed, streamed and completed", async () => {
    const t = startComponent();
    await configureAgent(t);
    const worker = await startWorker(t);
    const messageId = await enqueue(t, "c");
    expect((await worker.inbox()).work).not.toBeNull();
    const claim = await worker.mustClaim();
    expect(claim).toMatchObject({ messageId, conversationId: "c", generation: 1, attempt: 1 });
    expect((await worker.hydrate(claim)).snapshot).toBeNull();
    await worker.stream(claim, 0, "hel");
    expect(await worker.stream(claim, 0, "hello")).toEqual({ length: 5 });
    expect(await worker.complete(claim, "hello")).toBe(true);
    expect(await worker.complete(claim, "hello")).toBe(true);
    expect(await queueStats(t)).toMatchObject({ queuedReady: 0, queued: 0, processing: 0, done: 1, deadLetter: 0 });
  });
});

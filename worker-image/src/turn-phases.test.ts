/** Whatever comes in whichever phase of a turn: its message has one end, and the next one starts from what counts. */
import { describe, expect, it } from "vitest";
import type { WorkerFunctionName } from "../../src/shared/worker-protocol.js";
import { EXIT_DONE } from "./exit-codes.js";
import { testSystem, until, untilOver } from "./testing/test-worker.js";

/** The first call of each phase, in their order. */
const PHASES = [
  "workerHydrationBundle",
  "workerAppendTurnDelta",
  "workerPrepareSnapshotUpload",
  "workerFinalizeSnapshotUpload",
  "workerComplete",
] as const satisfies readonly WorkerFunctionName[];

for (const phase of PHASES) {
  describe.concurrent(`during ${phase}`, () => {
    it("a cancellation leaves nothing of the turn", async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      const { connection } = await start();
      await untilOver(backend.enqueue("c", "remember one"));
      const message = backend.enqueue("c", "remember two");
      connection.fault = ({ name }) => {
        if (name === phase && message.status === "processing") backend.revoke(message.messageId);
        return undefined;
      };
      expect(await untilOver(message)).toMatchObject({ status: "failed", attempts: 1 });
      connection.fault = () => undefined;
      expect((await untilOver(backend.enqueue("c", "list notes"))).reply).toContain("I keep 1 note:\n1. one\n");
      expect(connection.callsOf("workerFail")).toEqual([]);
      expect(backend.leases.size).toBe(0);
    });

    for (const state of ["drain", "stop"] as const) {
      it(`being told to ${state} is heeded in a bounded time`, async ({ onTestFinished }) => {
        const { backend, start } = await testSystem(onTestFinished);
        const { connection, exit } = await start();
        await until(() => connection.callsOf("workerHeartbeat").length > 0);
        const message = backend.enqueue("c", "remember two");
        connection.fault = ({ name }) => {
          if (name === phase && backend.state === "run") backend.setState(state);
          return undefined;
        };
        expect(await exit).toBe(EXIT_DONE);
        const isBegun = phase !== "workerHydrationBundle";
        if (state === "drain") {
          // What has not begun is given back without a try, what has is brought to its end.
          expect(message).toMatchObject(isBegun ? { status: "done", attempts: 1 } : { status: "queued", attempts: 0 });
          expect(backend.leases.size).toBe(0);
        } else if (phase !== "workerComplete") {
          // Nobody is told anything: the backend has given this worker up.
          expect(message).toMatchObject({ status: "processing", attempts: 1 });
        }
        expect(backend.isDrained).toBe(state === "drain");
      });
    }

    it("an outage delays the turn and changes nothing else", async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      const { connection } = await start();
      const message = backend.enqueue("c", "remember two");
      let isOver = false;
      connection.fault = ({ name }) => {
        if (name !== phase || isOver) return undefined;
        isOver = true;
        connection.setConnected(false);
        setTimeout(() => connection.setConnected(true), 300);
        return "before";
      };
      expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 1 });
      expect(message.streamed).toBe(message.reply);
    });
  });
}

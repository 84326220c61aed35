/** A worker whose machine was frozen and resumed: the system's clock has moved on, its own has not, its socket may be dead. */
import { afterEach, expect, it, vi } from "vitest";
import { testSystem, until, untilOver } from "./testing/test-worker.js";

afterEach(() => {
  vi.restoreAllMocks();
});

/** What a resumed guest sees: its timers go on from where they stopped. */
function letTheMachineSleep(ms: number): void {
  const now = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => now() + ms);
}

it("asks for work by itself, over a new connection", async ({ onTestFinished }) => {
  const { backend, start } = await testSystem(onTestFinished);
  // It is never told of any work.
  const { worker, connection } = await start({ mapInbox: (inbox) => ({ ...inbox, work: null }) });
  await until(() => worker.health().state === "running" && connection.callsOf("workerHeartbeat").length > 0);
  const reconnects: boolean[] = [];
  connection.onConnectionChange((isConnected) => reconnects.push(isConnected));
  const message = backend.enqueue("c", "hello");
  letTheMachineSleep(90_000);
  expect(await untilOver(message)).toMatchObject({ status: "done", attempts: 1 });
  expect(reconnects).toEqual([false, true]);
});

it("asks once, and then waits to be told again", async ({ onTestFinished }) => {
  const { worker, connection } = await (await testSystem(onTestFinished)).start();
  await until(() => worker.health().state === "running" && connection.callsOf("workerHeartbeat").length > 0);
  letTheMachineSleep(90_000);
  await until(() => connection.callsOf("workerClaim").length > 0 && connection.callsOf("workerHeartbeat").length > 1);
  expect(connection.callsOf("workerClaim")).toHaveLength(1);
});

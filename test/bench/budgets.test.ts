/** The budgets at a size that a test can afford; `npm run bench:ops -- --check` holds them at every size. */
import { describe, expect, it } from "vitest";
import { BUDGETS, brokenBudgets } from "./budgets.js";
import { measureScenario, OPERATIONS, type OpsRow } from "./ops-cases.js";

describe("the budgets of every call", () => {
  it("hold with a backlog, finished workers and a history", async () => {
    const scenario = { backlog: 200, conversations: 50, workers: 3, finishedWorkers: 500, history: 120 };
    const rows = await measureScenario(scenario);
    expect(rows.map(({ op }) => op)).toEqual([...OPERATIONS]);
    expect(brokenBudgets(rows)).toEqual([]);
  });

  it("are seen to be broken", () => {
    const row: OpsRow = {
      op: "heartbeat",
      backlog: 0,
      conversations: 0,
      workers: 1,
      finishedWorkers: 0,
      history: 0,
      documentsRead: BUDGETS.heartbeat.read + 1,
      databaseQueries: 0,
      bytesRead: 0,
      documentsWritten: BUDGETS.heartbeat.written,
      bytesWritten: 2_000,
      functionsScheduled: 0,
    };
    expect(brokenBudgets([row])).toEqual([
      expect.stringContaining("heartbeat: 5 documents read, at most 4"),
      expect.stringContaining("heartbeat: 2000 bytes written, at most 1024"),
    ]);
  });
});

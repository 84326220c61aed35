/** The health endpoint: what it tells, to whom, and nothing else. */
import { describe, expect, it, onTestFinished } from "vitest";
import { ConfigError } from "../config.js";
import { healthHosts, startHealthServer, type HealthReport } from "./health-server.js";

describe("the health endpoint", () => {
  it("answers one question", async () => {
    let report: HealthReport = {
      state: "enrolling",
      runtime: "echo",
      runningConversations: 0,
      backendConnected: false,
    };
    const { port, close } = await startHealthServer(["127.0.0.1"], 0, () => report);
    onTestFinished(close);
    const ask = (path: string, method = "GET") => fetch(`http://127.0.0.1:${port}${path}`, { method });
    expect(await (await ask("/healthz")).json()).toEqual(report);
    report = { ...report, state: "running", backendConnected: true };
    const response = await ask("/healthz?x=1");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual(report);
    expect((await ask("/")).status).toBe(404);
    expect((await ask("/healthz/", "POST")).status).toBe(404);
    expect((await ask("/healthz", "POST")).status).toBe(405);
  });

  it("says which port cannot be used", async () => {
    const { port, close } = await startHealthServer(["127.0.0.1"], 0, () => ({
      state: "running",
      runtime: "echo",
      runningConversations: 0,
      backendConnected: true,
    }));
    onTestFinished(close);
    const second = startHealthServer(["127.0.0.1"], port, () => {
      throw new Error("never asked");
    });
    await expect(second).rejects.toThrow(ConfigError);
    await expect(second).rejects.toThrow(`port ${port}: `);
  });

  it("listens on loopback, and on the private network where there is one", () => {
    expect(healthHosts({})).toEqual(["127.0.0.1"]);
    expect(healthHosts({ FLY_PRIVATE_IP: "fdaa:0:1::3" })).toEqual(["127.0.0.1", "fdaa:0:1::3"]);
    expect(healthHosts({ FLY_PRIVATE_IP: "0.0.0.0.0" })).toEqual(["127.0.0.1"]);
    expect(healthHosts({ FLY_PRIVATE_IP: "127.0.0.1" })).toEqual(["127.0.0.1"]);
  });

  it("goes without the private network when that is not there", async () => {
    const report: HealthReport = { state: "running", runtime: "echo", runningConversations: 1, backendConnected: true };
    // An address of a documentation range: no machine has it.
    const { port, unavailable, close } = await startHealthServer(["127.0.0.1", "192.0.2.1"], 0, () => report);
    onTestFinished(close);
    expect(unavailable).toEqual([expect.stringContaining("192.0.2.1")]);
    expect(await (await fetch(`http://127.0.0.1:${port}/healthz`)).json()).toEqual(report);
  });
});

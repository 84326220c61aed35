import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { PortTakenError } from "../embedded-convex/server/http/listen.js";
import { startNextApp } from "./next-app.js";

describe("startNextApp", () => {
  it("says that a port is taken before it builds anything", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const start = startNextApp({ convexUrl: "http://127.0.0.1:1", port, mode: "production" });
      await expect(start).rejects.toThrow(PortTakenError);
      await expect(start).rejects.toThrow(String(port));
    } finally {
      other.close();
    }
  });
});

describe("exit-with-parent", () => {
  /** A program that would run for a minute, watched over for the given process. */
  function startWatched(parent: number) {
    const watch = new URL("exit-with-parent.js", import.meta.url).href;
    const watched = spawn(process.execPath, ["--import", watch, "-e", "setTimeout(() => {}, 60_000)"], {
      detached: true,
      stdio: "ignore",
      env: { ...process.env, NODE_OPTIONS: "", EXIT_WITH_PROCESS: String(parent) },
    });
    onTestFinished(() => void watched.kill("SIGKILL"));
    return watched;
  }

  it("ends a process once the one that started it is gone, and not before", async () => {
    const parent = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"], { stdio: "ignore" });
    onTestFinished(() => void parent.kill("SIGKILL"));
    const watched = startWatched(parent.pid ?? 0);
    const watchedExit = once(watched, "exit");
    // Longer than one check: it must survive that.
    await new Promise((resolve) => setTimeout(resolve, 1_800));
    expect(watched.exitCode).toBeNull();
    expect(watched.signalCode).toBeNull();
    const parentExit = once(parent, "exit");
    parent.kill("SIGKILL");
    await parentExit;
    await watchedExit;
    expect(watched.signalCode).toBe("SIGKILL");
  });
});

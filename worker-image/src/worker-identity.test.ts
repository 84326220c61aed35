/** Who a worker is: enrolling once, staying the same, keeping its token fresh and private. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ConfigError } from "./config.js";
import { EXIT_DONE, EXIT_REJECTED } from "./exit-codes.js";
import { EnrollmentRejected } from "./lifecycle/enrollment.js";
import { CREDENTIAL } from "./testing/fake-backend.js";
import { slowEcho, testSystem, until, untilOver } from "./testing/test-worker.js";

const isThere = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

describe.concurrent("enrolling", () => {
  it("keeps the token private, and removes the credential only when it has been used", async ({ onTestFinished }) => {
    const { backend, start, directory } = await testSystem(onTestFinished);
    let seenAtCall = { identity: "", credential: false };
    const { worker, dataDirectory } = await start({
      fault: ({ name }, earlier) => {
        if (name !== "workerEnroll") return undefined;
        if (earlier < 2) return "before";
        void readFile(join(directory, "data/identity.json"), "utf8").then(async (identity) => {
          seenAtCall = { identity, credential: await isThere(join(directory, "credential")) };
        });
        return undefined;
      },
    });
    await until(() => worker.health().state === "running");
    const [token] = backend.tokens;
    expect(token).toMatch(/^[A-Za-z0-9_-]{43}$/);
    // On disk before it was sent.
    expect(seenAtCall.identity).toContain(token);
    expect(await isThere(join(directory, "credential"))).toBe(false);
    expect((await stat(join(dataDirectory, "identity.json"))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(dataDirectory, "identity.json"), "utf8")).not.toContain(CREDENTIAL);
  });

  it("survives a crash between the backend's decision and its answer", async ({ onTestFinished }) => {
    const { backend, start, directory } = await testSystem(onTestFinished);
    const first = await start({ fault: ({ name }) => (name === "workerEnroll" ? "after" : undefined) });
    await until(() => backend.tokens.size === 1);
    first.worker.shutDown();
    expect(await first.exit).toBe(EXIT_DONE);
    expect(await isThere(join(directory, "credential"))).toBe(true);

    const second = await start();
    await until(() => second.worker.health().state === "running");
    expect(backend.tokens.size).toBe(1);
    expect((await untilOver(backend.enqueue("c", "hello"))).status).toBe("done");
  });

  it("once is enough for a restarted process, also when the provider writes the file again", async ({
    onTestFinished,
  }) => {
    const { backend, start, directory } = await testSystem(onTestFinished);
    const first = await start();
    await until(() => first.worker.health().state === "running");
    first.worker.shutDown();
    await first.exit;
    await writeFile(join(directory, "credential"), CREDENTIAL);
    const second = await start();
    expect((await untilOver(backend.enqueue("c", "hello"))).status).toBe("done");
    expect(second.connection.callsOf("workerEnroll")).toEqual([]);
    expect(await isThere(join(directory, "credential"))).toBe(false);
  });

  it("that is refused ends the worker, which does not ask again", async ({ onTestFinished }) => {
    const { start, directory } = await testSystem(onTestFinished);
    await writeFile(join(directory, "credential"), "a-credential-that-is-wrong");
    const first = await start();
    await expect(first.exit).rejects.toThrow(EnrollmentRejected);
    await expect(first.exit).rejects.toThrow("This enrollment credential is not valid");
    expect(first.connection.callsOf("workerEnroll")).toHaveLength(1);
    const second = await start();
    await expect(second.exit).rejects.toThrow(ConfigError);
    expect(second.connection.calls).toEqual([]);
  });

  it("waits for a backend that cannot be reached, and can be told to go meanwhile", async ({ onTestFinished }) => {
    const { start, log } = await testSystem(onTestFinished);
    const { worker, connection, exit } = await start({ fault: () => "before" });
    await until(() => connection.callsOf("workerEnroll").length >= 2);
    expect(worker.health().state).toBe("enrolling");
    expect(log.filter((line) => line.includes("Cannot enroll yet"))).toHaveLength(1);
    worker.shutDown();
    expect(await exit).toBe(EXIT_DONE);
  });

  it("as another worker removes what the earlier one left", async ({ onTestFinished }) => {
    const { backend, start, directory } = await testSystem(onTestFinished);
    const first = await start();
    await untilOver(backend.enqueue("c", "remember my secret"));
    first.worker.shutDown();
    await first.exit;
    expect(await readdir(join(directory, "data/conversations"))).toHaveLength(1);

    backend.tokens.clear();
    await writeFile(join(directory, "credential"), CREDENTIAL);
    const second = await start({ workerId: "worker-2" });
    await until(() => second.worker.health().state === "running");
    expect(await readdir(join(directory, "data/conversations"))).toEqual([]);
    expect(await readdir(join(directory, "data/records"))).toEqual([]);
  });
});

describe.concurrent("the token", () => {
  it("is replaced at half of its life, and the work goes on", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    backend.enrollment = { ...backend.enrollment, tokenLifetimeMs: 600 };
    const { connection } = await start();
    await until(() => connection.callsOf("workerRotateToken").length >= 3);
    expect((await untilOver(backend.enqueue("c", "hello"))).status).toBe("done");
    expect(backend.tokens.size).toBe(1);
  });

  for (const fault of ["before", "after"] as const) {
    it(`survives a rotation whose ${fault === "before" ? "request" : "answer"} is lost`, async ({ onTestFinished }) => {
      const { backend, start } = await testSystem(onTestFinished);
      backend.enrollment = { ...backend.enrollment, tokenLifetimeMs: 1_000 };
      const { connection, worker } = await start({
        fault: ({ name }, earlier) => (name === "workerRotateToken" && earlier < 1 ? fault : undefined),
      });
      await until(() => connection.callsOf("workerRotateToken").length >= 2);
      backend.enrollment = { ...backend.enrollment, tokenLifetimeMs: 3_600_000 };
      expect((await untilOver(backend.enqueue("c", "hello"))).status).toBe("done");
      expect(worker.health().state).toBe("running");
    });
  }

  it("that was being replaced when the process died is found out about", async ({ onTestFinished }) => {
    const { backend, start, directory } = await testSystem(onTestFinished);
    backend.enrollment = { ...backend.enrollment, tokenLifetimeMs: 400 };
    const first = await start({ fault: ({ name }) => (name === "workerRotateToken" ? "after" : undefined) });
    await until(() => first.connection.callsOf("workerRotateToken").length >= 1);
    first.worker.shutDown();
    await first.exit;
    const identity = await readFile(join(directory, "data/identity.json"), "utf8");
    const [valid] = backend.tokens;
    expect(identity).toContain(`"nextToken":"${valid}"`);

    backend.enrollment = { ...backend.enrollment, tokenLifetimeMs: 3_600_000 };
    const second = await start();
    expect((await untilOver(backend.enqueue("c", "hello"))).status).toBe("done");
    expect(second.worker.health().state).toBe("running");
  });

  it("that the backend does not know any more ends the worker", async ({ onTestFinished }) => {
    const { backend, start } = await testSystem(onTestFinished);
    const { worker, exit } = await start({ createRuntime: slowEcho });
    const message = backend.enqueue("c", "one two three four five six");
    await until(() => message.streamed !== "");
    expect(worker.health().state).toBe("running");
    backend.tokens.clear();
    expect(await exit).toBe(EXIT_REJECTED);
    expect(message.status).toBe("processing");
  });
});

/** Machines as real processes: booted, frozen, stopped and restarted. */
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlyEmulator } from "./index.js";
import { counterOf, idOf, isRunning, sleep, startQuick, until, type TestClient } from "./testing/harness.js";

let emulator: FlyEmulator;
let client: TestClient;

beforeAll(async () => {
  ({ emulator, client } = await startQuick());
});

afterAll(() => emulator.close());

const rootOf = (id: string): string => emulator.machine(id)?.rootDirectory ?? "/nowhere";
const processOf = (id: string): number => emulator.machine(id)?.processId ?? 0;

describe("boot", () => {
  it("passes through created, starting and started, and runs a process", async () => {
    const seen: unknown[] = [];
    const created = await client.create("registry.fly.io/counter:v1");
    seen.push(created.json.state);
    const id = idOf(created);
    await client.reaches(id, "started");
    const events = await client.call("GET", `/machines/${id}/events`);
    const statuses = Array.isArray(events.body) ? events.body.map((event) => (event as { status: string }).status) : [];
    expect(seen).toEqual(["created"]);
    expect(statuses).toEqual(["started", "starting", "created"]);
    await until("the process counts", () => counterOf(rootOf(id)) > 2);
    expect(isRunning(processOf(id))).toBe(true);
  });

  it("gives the process its own environment, files and log, and nothing of the host's", async () => {
    process.env.FLY_EMULATOR_TEST_SECRET = "of the host";
    const id = await client.started("registry.fly.io/talkative", {
      env: { COLOR: "blue", PLAIN: "1", AGENT_FACTORY_GUEST_ROOT: "/forged" },
      guest: { cpus: 1, memory_mb: 512 },
      files: [{ guest_path: "/run/agent/secret", raw_value: Buffer.from("hush").toString("base64") }],
    });
    await until("the environment is written", () => existsSync(join(rootOf(id), "environment")));
    await until("both streams are read", () =>
      /out blue[\s\S]*err blue|err blue[\s\S]*out blue/.test(emulator.logs(id)),
    );
    const environment = Object.fromEntries(
      readFileSync(join(rootOf(id), "environment"), "utf8")
        .trim()
        .split("\n")
        .map((line) => line.split(/=(.*)/s).slice(0, 2)),
    ) as Record<string, string>;
    expect(environment).toMatchObject({
      COLOR: "blue",
      SHADE: "dark",
      PLAIN: "1",
      FLY_APP_NAME: "test-app",
      FLY_MACHINE_ID: id,
      FLY_REGION: "iad",
      FLY_VM_MEMORY_MB: "512",
      FLY_IMAGE_REF: "registry.fly.io/talkative",
      AGENT_FACTORY_GUEST_ROOT: rootOf(id),
      HOME: join(rootOf(id), "root"),
    });
    expect(environment.FLY_PRIVATE_IP).toBe("127.0.0.1");
    expect(Number(environment.HEALTH_PORT)).toBeGreaterThan(1_023);
    expect(environment.OTHER_PORT).not.toBe(environment.HEALTH_PORT);
    expect(environment).not.toHaveProperty("FLY_EMULATOR_TEST_SECRET");
    expect(Object.keys(environment).filter((name) => /^(npm|VITEST|NODE|USER)/.test(name))).toEqual([]);
    const secret = join(rootOf(id), "run/agent/secret");
    expect(readFileSync(secret, "utf8")).toBe("hush");
    expect(statSync(secret).mode & 0o777).toBe(0o600);
    delete process.env.FLY_EMULATOR_TEST_SECRET;
  });

  it("leaves a machine created with skip_launch where it is until it is started", async () => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "stuck" });
    const unplaced = idOf(await client.create("registry.fly.io/sleeper", {}, { skip_launch: true }));
    const early = await client.call("POST", `/machines/${unplaced}/start`);
    expect([early.status, early.json.error]).toEqual([
      412,
      "failed_precondition: unable to start machine from current state: 'created'",
    ]);
    const id = idOf(await client.create("registry.fly.io/sleeper", {}, { skip_launch: true }));
    await until("placement is over", async () => (await client.call("POST", `/machines/${id}/start`)).status === 200);
    await client.reaches(id, "started");
  });

  it("stops a machine whose program does not exist", async () => {
    const id = idOf(await client.create("registry.fly.io/missing-program", { restart: { policy: "no" } }));
    await client.reaches(id, "stopped");
    expect(emulator.logs(id)).toContain("/no/such/program");
  });
});

describe("suspend", () => {
  it("really freezes the process, and lets it go on where it stood", async () => {
    const id = await client.started("registry.fly.io/counter");
    await until("it counts", () => counterOf(rootOf(id)) > 3);
    const processId = processOf(id);
    expect((await client.call("POST", `/machines/${id}/suspend`)).status).toBe(200);
    await client.reaches(id, "suspended");
    const frozenAt = counterOf(rootOf(id));
    await sleep(300);
    expect(counterOf(rootOf(id))).toBe(frozenAt);
    const started = await client.call("POST", `/machines/${id}/start`);
    expect(started.json).toEqual({ previous_state: "suspended", migrated: false, new_host: "" });
    await client.reaches(id, "started");
    expect(processOf(id)).toBe(processId);
    await until("it counts on", () => counterOf(rootOf(id)) > frozenAt);
  });

  it.runIf(process.platform === "linux")("freezes and kills what left the process group, too", async () => {
    const id = await client.started("registry.fly.io/escapist");
    await until("the escaped process counts", () => counterOf(rootOf(id)) > 2);
    await client.call("POST", `/machines/${id}/suspend`);
    await client.reaches(id, "suspended");
    const frozenAt = counterOf(rootOf(id));
    await sleep(200);
    expect(counterOf(rootOf(id))).toBe(frozenAt);
    await client.call("POST", `/machines/${id}/start`);
    await until("it counts on", () => counterOf(rootOf(id)) > frozenAt);
    await client.call("POST", `/machines/${id}/stop`, { signal: "SIGKILL" });
    await client.reaches(id, "stopped");
    const stoppedAt = counterOf(rootOf(id));
    await sleep(200);
    expect(counterOf(rootOf(id))).toBe(stoppedAt);
  });

  it("is refused to large machines, to machines with swap, and to machines that do not run", async () => {
    const large = await client.started("registry.fly.io/sleeper", { guest: { cpus: 1, memory_mb: 4_096 } });
    expect((await client.call("POST", `/machines/${large}/suspend`)).status).toBe(412);
    const swapping = await client.started("registry.fly.io/sleeper", { init: { swap_size_mb: 512 } });
    expect((await client.call("POST", `/machines/${swapping}/suspend`)).status).toBe(412);
    await client.call("POST", `/machines/${large}/stop`);
    await client.reaches(large, "stopped");
    expect((await client.call("POST", `/machines/${large}/suspend`)).status).toBe(412);
  });

  it("loses the snapshot of a suspended machine that is stopped", async () => {
    const id = await client.started("registry.fly.io/counter");
    const before = processOf(id);
    await client.call("POST", `/machines/${id}/suspend`);
    await client.reaches(id, "suspended");
    await client.call("POST", `/machines/${id}/stop`);
    await client.reaches(id, "stopped");
    expect(isRunning(before)).toBe(false);
    await client.call("POST", `/machines/${id}/start`);
    await client.reaches(id, "started");
    expect(processOf(id)).not.toBe(before);
  });
});

describe("stop", () => {
  it("kills a process that does not listen, after its time-out and not before", async () => {
    const id = await client.started("registry.fly.io/stubborn");
    await until("it is deaf", () => existsSync(join(rootOf(id), "ready")));
    const processId = processOf(id);
    await client.call("POST", `/machines/${id}/stop`, { signal: "SIGTERM", timeout: "1500ms" });
    await sleep(150);
    expect(await client.state(id)).toBe("stopping");
    expect(isRunning(processId)).toBe(true);
    await client.reaches(id, "stopped");
    expect(isRunning(processId)).toBe(false);
  });

  it("waits out its time-out for a process that hangs", async () => {
    const id = await client.started("registry.fly.io/counter");
    const processId = processOf(id);
    emulator.setFrozen(id, true);
    await client.call("POST", `/machines/${id}/stop`, { timeout: "1500ms" });
    await sleep(150);
    expect([await client.state(id), isRunning(processId)]).toEqual(["stopping", true]);
    await client.reaches(id, "stopped");
    expect(isRunning(processId)).toBe(false);
  });

  it("follows stop_config when the request says nothing", async () => {
    const id = await client.started("registry.fly.io/stubborn", { stop_config: { signal: "SIGKILL" } });
    await client.call("POST", `/machines/${id}/stop`);
    await client.reaches(id, "stopped");
  });

  it("lets a forced destroy overtake a stop that takes its time", async () => {
    const id = await client.started("registry.fly.io/stubborn");
    await until("it is deaf", () => existsSync(join(rootOf(id), "ready")));
    await client.call("POST", `/machines/${id}/stop`, { timeout: "60s" });
    await client.call("DELETE", `/machines/${id}?force=true`);
    await client.reaches(id, "destroyed");
  });

  it("starts clean afterwards: the root directory is new, and the files are written again", async () => {
    const id = await client.started("registry.fly.io/counter", {
      files: [{ guest_path: "/etc/greeting", raw_value: Buffer.from("hello").toString("base64") }],
    });
    const greeting = join(rootOf(id), "etc/greeting");
    writeFileSync(greeting, "changed");
    writeFileSync(join(rootOf(id), "left-over"), "");
    await client.call("POST", `/machines/${id}/stop`);
    await client.reaches(id, "stopped");
    await client.call("POST", `/machines/${id}/start`);
    await client.reaches(id, "started");
    expect(readFileSync(greeting, "utf8")).toBe("hello");
    expect(existsSync(join(rootOf(id), "left-over"))).toBe(false);
  });

  it("sends other signals to the process only on request", async () => {
    const id = await client.started("registry.fly.io/sleeper", { restart: { policy: "no" } });
    expect((await client.call("POST", `/machines/${id}/signal`, { signal: "SIGNONE" })).status).toBe(400);
    expect((await client.call("POST", `/machines/${id}/signal`, { signal: "SIGTERM" })).status).toBe(200);
    await client.reaches(id, "stopped");
    expect((await client.call("POST", `/machines/${id}/signal`, { signal: "SIGTERM" })).status).toBe(412);
  });

  it("restarts with a new process", async () => {
    const id = await client.started("registry.fly.io/sleeper");
    const before = processOf(id);
    expect((await client.call("POST", `/machines/${id}/restart?timeout=2s&signal=SIGTERM`)).status).toBe(200);
    await until("another process runs", () => ![before, 0].includes(processOf(id)));
    await client.reaches(id, "started");
    expect(isRunning(before)).toBe(false);
  });
});

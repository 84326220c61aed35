/** The calls that take their time: waiting for a state, and running a command. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlyEmulator } from "../index.js";
import { type JsonObject } from "../model/json.js";
import { idOf, sleep, startQuick, type TestClient, textOf, type Reply } from "../testing/harness.js";

const SLEEPER = "registry.fly.io/sleeper";
let emulator: FlyEmulator;
let client: TestClient;

beforeAll(async () => {
  ({ emulator, client } = await startQuick());
});

afterAll(() => emulator.close());

describe("wait", () => {
  it("holds the line until the state is there", async () => {
    const slow = await startQuick({ latencies: { create: 150, start: 150 } });
    const id = idOf(await slow.client.create(SLEEPER));
    const began = Date.now();
    const reply = await slow.client.call("GET", `/machines/${id}/wait?state=started&timeout=20`);
    expect(reply.json).toMatchObject({ ok: true, state: "started" });
    expect(Date.now() - began).toBeGreaterThan(200);
    expect((await slow.client.call("GET", `/machines/${id}/wait?state=settled`)).status).toBe(200);
    await slow.emulator.close();
  });

  it("answers 408 when the state is not reached, and 400 for times that are not allowed", async () => {
    const id = idOf(await client.create(SLEEPER, {}, { skip_launch: true }));
    const late = await client.call("GET", `/machines/${id}/wait?state=started&timeout=1`);
    expect([late.status, late.json.error]).toEqual([
      408,
      "deadline_exceeded: machine failed to reach desired state, started, currently created",
    ]);
    for (const query of ["timeout=61", "timeout=0", "timeout=soon", "state=happy"]) {
      expect((await client.call("GET", `/machines/${id}/wait?${query}`)).status).toBe(400);
    }
  });

  it("waits for one version, and finds an earlier one replaced", async () => {
    const id = await client.started(SLEEPER);
    const old = textOf((await client.call("GET", `/machines/${id}`)).json.instance_id);
    expect((await client.call("GET", `/machines/${id}/wait?instance_id=${old}&timeout=1`)).status).toBe(200);
    await client.call("POST", `/machines/${id}`, { config: { image: SLEEPER } });
    const late = await client.call("GET", `/machines/${id}/wait?instance_id=${old}&timeout=1`);
    expect([late.status, textOf(late.json.error).endsWith("currently replaced")]).toEqual([408, true]);
    expect((await client.call("GET", `/machines/${id}/wait?instance_id=none&timeout=1`)).status).toBe(404);
  });

  it("ends with the emulator", async () => {
    const short = await startQuick();
    const id = idOf(await short.client.create(SLEEPER, {}, { skip_launch: true }));
    const waiting = short.client.call("GET", `/machines/${id}/wait?timeout=60`).catch(() => "dropped");
    await sleep(50);
    await short.emulator.close();
    expect(await waiting).toBe("dropped");
  });
});

describe("exec", () => {
  it("runs in the machine's directory with its environment, and reports what happened", async () => {
    const id = await client.started(SLEEPER, { env: { GREETING: "hello" } });
    const run = async (body: JsonObject): Promise<Reply> => client.call("POST", `/machines/${id}/exec`, body);
    const done = await run({ command: ["sh", "-c", 'echo "$GREETING"; pwd; cat; echo no >&2; exit 3'], stdin: "in\n" });
    expect([done.status, done.json.exit_code, done.json.stderr]).toEqual([200, 3, "no\n"]);
    const root = emulator.machine(id)?.rootDirectory ?? "";
    expect(textOf(done.json.stdout).split("\n")).toEqual(["hello", expect.stringContaining(root), "in", ""]);
    expect((await run({ cmd: "exit 4" })).json.exit_code).toBe(4);
    expect((await run({ command: ["/no/such/command"] })).json.exit_code).toBe(127);
    expect((await run({ command: [] })).status).toBe(400);
    expect((await run({ command: ["sleep", "30"], timeout: 1 })).status).toBe(408);
    await client.call("POST", `/machines/${id}/stop`, {});
    await client.reaches(id, "stopped");
    expect((await run({ command: ["true"] })).status).toBe(412);
  });
});

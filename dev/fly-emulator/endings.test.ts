/** How machines end: by themselves, by their policy, and for good. */
import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FlyEmulator } from "./index.js";
import { idOf, isRunning, startQuick, until, type TestClient } from "./testing/harness.js";

let emulator: FlyEmulator;
let client: TestClient;

beforeAll(async () => {
  ({ emulator, client } = await startQuick());
});

afterAll(() => emulator.close());

const rootOf = (id: string): string => emulator.machine(id)?.rootDirectory ?? "/nowhere";
const processOf = (id: string): number => emulator.machine(id)?.processId ?? 0;

describe("a process that ends by itself", () => {
  const boots = (id: string): number => emulator.logs(id).split("booted").length - 1;

  it("leaves its machine stopped when it succeeded", async () => {
    const id = idOf(await client.create("registry.fly.io/short", { env: { CODE: "0" } }));
    await client.reaches(id, "stopped");
    expect(boots(id)).toBe(1);
    const { events } = (await client.call("GET", `/machines/${id}`)).json;
    expect(JSON.stringify(events)).toContain('"exit_code":0,"requested_stop":false');
  });

  it("is booted again on failure, as often as the policy allows", async () => {
    const restart = { policy: "on-failure", max_retries: 2 };
    const id = idOf(await client.create("registry.fly.io/short", { env: { CODE: "3" }, restart }));
    await client.reaches(id, "stopped");
    expect(boots(id)).toBe(3);
  });

  it("is booted again without end under always, and not at all under no", async () => {
    const always = idOf(await client.create("registry.fly.io/short", { restart: { policy: "always" } }));
    const no = idOf(await client.create("registry.fly.io/short", { env: { CODE: "1" }, restart: { policy: "no" } }));
    await until("it was restarted", () => boots(always) >= 3);
    await client.reaches(no, "stopped");
    expect(boots(no)).toBe(1);
    await client.call("DELETE", `/machines/${always}?force=true`);
  });

  it("takes an auto_destroy machine with it", async () => {
    const id = idOf(await client.create("registry.fly.io/short", { auto_destroy: true, restart: { policy: "no" } }));
    const root = rootOf(id);
    await client.reaches(id, "destroyed");
    expect(existsSync(root)).toBe(false);
  });

  it("is noticed when it was killed from outside", async () => {
    const id = await client.started("registry.fly.io/sleeper", { restart: { policy: "no" } });
    expect(emulator.crash(id)).toBe(true);
    await client.reaches(id, "stopped");
  });
});

describe("destroy", () => {
  it("is refused while the machine runs, unless forced, and leaves nothing behind", async () => {
    const id = await client.started("registry.fly.io/counter");
    const [root, processId] = [rootOf(id), processOf(id)];
    const refused = await client.call("DELETE", `/machines/${id}`);
    expect([refused.status, refused.json.error]).toEqual([
      412,
      expect.stringContaining("failed_precondition: unable to destroy machine, not currently stopped"),
    ]);
    expect((await client.call("DELETE", `/machines/${id}?force=true`)).json).toEqual({ ok: true });
    await client.reaches(id, "destroyed");
    expect(isRunning(processId)).toBe(false);
    expect(existsSync(root)).toBe(false);
  });
});

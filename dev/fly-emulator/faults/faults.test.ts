/** Every fault, as a client meets it. */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type BrokenAnswer, type FlyEmulator } from "../index.js";
import { isJsonObject } from "../model/json.js";
import { counterOf, idOf, sleep, startQuick, type TestClient, until, type Reply } from "../testing/harness.js";

const SLEEPER = "registry.fly.io/sleeper";
const COUNTER = "registry.fly.io/counter";
let emulator: FlyEmulator;
let client: TestClient;

/** How far the emulator's clock is ahead; what is minutes old is so at once, and on a busy machine, too. */
let aheadMs = 0;

beforeAll(async () => {
  ({ emulator, client } = await startQuick({ now: () => Date.now() + aheadMs }));
});

afterEach(() => emulator.faults.clear());

afterAll(() => emulator.close());

const named = (name: string) => emulator.machines().filter((machine) => machine.name === name);
const create = (name: string, signal?: AbortSignal): Promise<Reply> =>
  client.call("POST", "/machines", { name, config: { image: SLEEPER }, skip_launch: true }, {}, signal);
const listed = async (query = ""): Promise<unknown[]> => {
  const { body } = await client.call("GET", `/machines${query}`);
  return Array.isArray(body) ? body.filter(isJsonObject) : [];
};

describe("answers that say nothing of what was done", () => {
  it.each<[BrokenAnswer]>([[500], [502], [503], [504], ["drop"]])(
    "fail_before_commit with %s does nothing",
    async (answer) => {
      const name = `before-${answer}`;
      emulator.faults.add({
        match: { action: "machine_create", machineName: name },
        kind: "fail_before_commit",
        answer,
      });
      if (answer === "drop") await expect(create(name)).rejects.toThrow();
      else expect((await create(name)).status).toBe(answer);
      expect(named(name)).toHaveLength(0);
      expect((await create(name)).status).toBe(200);
    },
  );

  it.each<[BrokenAnswer]>([[408], [500], [502], ["drop"]])(
    "fail_after_commit with %s does everything",
    async (answer) => {
      const name = `after-${answer}`;
      emulator.faults.add({ match: { action: "machine_create" }, kind: "fail_after_commit", answer });
      if (answer === "drop") await expect(create(name)).rejects.toThrow();
      else expect((await create(name)).status).toBe(answer);
      const [made] = named(name);
      const retried = await create(name);
      expect([retried.status, retried.json.error]).toEqual([
        409,
        expect.stringContaining(`machine ID ${made?.id ?? "?"}`),
      ]);
    },
  );

  it("commit_late acts after the client has given up", async () => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "commit_late", delayMs: 1_000 });
    await expect(create("late", AbortSignal.timeout(150))).rejects.toThrow();
    expect(named("late")).toHaveLength(0);
    expect((await client.call("GET", "/machines")).status).toBe(200);
    await until("it acts all the same", () => named("late").length === 1);
    expect((await create("late")).status).toBe(409);
  });

  it("records what it dropped", async () => {
    emulator.recorder.clear();
    emulator.faults.add({ kind: "fail_after_commit", answer: "drop" });
    await expect(create("dropped")).rejects.toThrow();
    expect(emulator.recorder.of("machine_create")).toMatchObject([{ httpStatus: undefined, responseBody: undefined }]);
  });
});

describe("refusals", () => {
  it("rate_limited comes with and without Retry-After", async () => {
    emulator.faults.add({ match: { action: "machine_list" }, kind: "rate_limited" });
    emulator.faults.add({ match: { action: "machine_list" }, kind: "rate_limited", retryAfterSeconds: 7 });
    const replies = [await client.call("GET", "/machines"), await client.call("GET", "/machines")];
    expect(replies.map((reply) => [reply.status, reply.headers.get("retry-after")])).toEqual([
      [429, null],
      [429, "7"],
    ]);
    expect((await client.call("GET", "/machines")).status).toBe(200);
  });

  it("unauthorized revokes the token in the middle of a run, until it is removed", async () => {
    const revoked = emulator.faults.add({ times: Infinity, kind: "unauthorized" });
    expect((await create("revoked")).status).toBe(401);
    expect((await client.call("GET", "/machines")).status).toBe(401);
    expect(revoked.hits).toBe(2);
    revoked.remove();
    expect((await client.call("GET", "/machines")).status).toBe(200);
    emulator.faults.add({ kind: "unauthorized", httpStatus: 403 });
    expect((await create("over-quota")).status).toBe(403);
  });

  it.each([
    ["insufficient_capacity", 422, "insufficient_capacity", "insufficient capacity"],
    ["no_capacity", 409, "unknown", "no capacity"],
    ["could_not_reserve", 409, "unknown", "could not reserve resource"],
    ["volume_placement_capacity", 412, "volume_placement_capacity", "existing volume"],
  ] as const)("capacity %s is a %i with status %s", async (error, httpStatus, status, text) => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "capacity", error });
    const reply = await create(`capacity-${error}`);
    expect([reply.status, reply.json.status, reply.json.error]).toEqual([
      httpStatus,
      status,
      expect.stringContaining(text),
    ]);
    expect(named(`capacity-${error}`)).toHaveLength(0);
  });

  it("capacity for a volume is a 400", async () => {
    emulator.faults.add({ match: { action: "volume_create" }, kind: "capacity", error: "volume_no_capacity" });
    const reply = await client.call("POST", "/volumes", { name: "v", region: "iad", size_gb: 1 });
    expect([reply.status, reply.json.error, emulator.volumes()]).toEqual([400, "no capacity", []]);
  });

  it("respond says anything else", async () => {
    const error = "aborted: machine update failed due to concurrent update";
    emulator.faults.add({ match: { action: "machine_start" }, kind: "respond", httpStatus: 409, error });
    const id = idOf(await create("responds"));
    expect((await client.call("POST", `/machines/${id}/start`)).json.error).toBe(error);
  });
});

describe("reads that lag", () => {
  it("not_found_when_fresh hides a machine right after its create", async () => {
    emulator.faults.add({ times: Infinity, kind: "not_found_when_fresh", withinMs: 60_000 });
    const id = idOf(await create("fresh"));
    expect((await client.call("GET", `/machines/${id}`)).status).toBe(404);
    aheadMs += 61_000;
    expect((await client.call("GET", `/machines/${id}`)).status).toBe(200);
  });

  it("stale lists miss the new, and still show the gone", async () => {
    const gone = idOf(await create("gone"));
    aheadMs += 120_000;
    await client.call("DELETE", `/machines/${gone}?force=true`);
    await client.reaches(gone, "destroyed");
    const fresh = idOf(await create("new"));
    emulator.faults.add({ match: { action: "machine_list" }, kind: "stale", ageMs: 60_000 });
    const stale = await listed();
    expect(stale).toContainEqual(expect.objectContaining({ id: gone, state: "created" }));
    expect(stale).not.toContainEqual(expect.objectContaining({ id: fresh }));
    const now = await listed();
    expect(now).not.toContainEqual(expect.objectContaining({ id: gone }));
    expect(now).toContainEqual(expect.objectContaining({ id: fresh }));
  });

  it("stale gets show an earlier state, or none", async () => {
    const id = await client.started(SLEEPER);
    aheadMs += 120_000;
    await client.call("POST", `/machines/${id}/stop`, {});
    await client.reaches(id, "stopped");
    emulator.faults.add({ match: { action: "machine_get", machineId: id }, kind: "stale", ageMs: 60_000 });
    expect(await client.state(id)).toBe("started");
    emulator.faults.add({ match: { action: "machine_get", machineId: id }, kind: "stale", ageMs: 600_000 });
    expect((await client.call("GET", `/machines/${id}`)).status).toBe(404);
    expect(await client.state(id)).toBe("stopped");
  });

  it("unknown_state shows a name nobody has heard of, in lists and gets", async () => {
    const id = idOf(await create("odd"));
    const rule = { match: { machineId: id }, times: Infinity, kind: "unknown_state", state: "hibernating" } as const;
    emulator.faults.add(rule);
    expect(await client.state(id)).toBe("hibernating");
    expect(await listed("?state=hibernating")).toHaveLength(1);
  });
});

describe("hosts and machines that misbehave", () => {
  it("host_unreachable moves config to incomplete_config and fails everything else", async () => {
    const metadata = { owner: "me" };
    const id = idOf(await client.create(SLEEPER, { metadata }, { skip_launch: true }));
    const down = emulator.faults.add({ match: { machineId: id }, times: Infinity, kind: "host_unreachable" });
    const { json } = await client.call("GET", `/machines/${id}`);
    expect(json).toMatchObject({ host_status: "unreachable", incomplete_config: { metadata } });
    expect(json).not.toHaveProperty("config");
    const row = (await listed()).find((entry) => isJsonObject(entry) && entry.id === id);
    expect(row).toMatchObject({ host_status: "unreachable" });
    expect((await client.call("POST", `/machines/${id}/stop`, {})).status).toBe(408);
    expect((await client.call("DELETE", `/machines/${id}?force=true`)).status).toBe(408);
    down.remove();
    expect((await client.call("GET", `/machines/${id}`)).json).toMatchObject({
      host_status: "ok",
      config: { metadata },
    });
    expect((await client.call("DELETE", `/machines/${id}?force=true`)).status).toBe(200);
  });

  it("stuck keeps a machine in created or in stopping, from where only a destroy gets it out", async () => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "stuck" });
    const created = idOf(await client.create(SLEEPER));
    const stopping = await client.started(COUNTER);
    emulator.faults.add({ match: { action: "machine_stop", machineId: stopping }, kind: "stuck" });
    await client.call("POST", `/machines/${stopping}/stop`, {});
    const root = emulator.machine(stopping)?.rootDirectory ?? "";
    const counter = counterOf(root);
    await until("it still counts", () => counterOf(root) > counter + 2);
    expect([await client.state(created), await client.state(stopping)]).toEqual(["created", "stopping"]);
    expect((await client.call("POST", `/machines/${created}/start`)).status).toBe(412);
    for (const id of [created, stopping]) {
      expect((await client.call("DELETE", `/machines/${id}?force=true`)).status).toBe(200);
      await client.reaches(id, "destroyed");
    }
  });

  it("launch_failed ends in destroyed", async () => {
    emulator.faults.add({ match: { action: "machine_create" }, kind: "launch_failed" });
    const id = idOf(await client.create(SLEEPER));
    await client.reaches(id, "destroyed");
    const { events } = (await client.call("GET", `/machines/${id}`)).json;
    expect(JSON.stringify(events)).toContain("launch_failed");
  });

  it("cold_resume boots anew from suspend, on the old root file system", async () => {
    const id = await client.started(COUNTER);
    const before = emulator.machine(id)?.processId;
    const root = emulator.machine(id)?.rootDirectory ?? "";
    await until("it counts", () => counterOf(root) > 2);
    emulator.faults.add({ match: { action: "machine_suspend" }, kind: "cold_resume" });
    await client.call("POST", `/machines/${id}/suspend`);
    await client.reaches(id, "suspended");
    writeFileSync(join(root, "kept"), "");
    await client.call("POST", `/machines/${id}/start`);
    await client.reaches(id, "started");
    expect(emulator.machine(id)?.processId).not.toBe(before);
    expect(existsSync(join(root, "kept"))).toBe(true);
  });

  it("slow only takes its time, and a frozen process is one behind the API's back", async () => {
    emulator.faults.add({ match: { action: "machine_get" }, kind: "slow", delayMs: 200 });
    const id = await client.started(COUNTER);
    const began = Date.now();
    expect(await client.state(id)).toBe("started");
    expect(Date.now() - began).toBeGreaterThanOrEqual(190);
    const root = emulator.machine(id)?.rootDirectory ?? "";
    expect(emulator.setFrozen(id, true)).toBe(true);
    const frozenAt = counterOf(root);
    await sleep(150);
    expect([counterOf(root), await client.state(id)]).toEqual([frozenAt, "started"]);
    emulator.setFrozen(id, false);
    await until("it counts on", () => counterOf(root) > frozenAt);
  });
});

/** What happens to machines when the emulator ends: by close, by SIGKILL, and by a restart that remembers. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startFlyEmulator } from "./index.js";
import { processesMarked } from "./machines/process-members.mjs";
import { isJsonObject, parseJson } from "./model/json.js";
import {
  counterOf,
  idOf,
  IMAGES,
  isRunning,
  QUICK,
  sleep,
  startQuick,
  TestClient,
  textOf,
  until,
} from "./testing/harness.js";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "fly-emulator-test-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** An emulator in a process of its own, started as from a terminal. */
async function startApart(dataDirectory: string): Promise<{ kill: () => void; url: string; token: string }> {
  const images = join(directory, "images.json");
  writeFileSync(images, JSON.stringify(IMAGES));
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const args = ["--import", "tsx", main, "--images", images, "--data", dataDirectory, "--no-rate-limits"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  const started = parseJson(line);
  if (!isJsonObject(started)) throw new Error("The emulator did not say where it listens.");
  return { kill: () => child.kill("SIGKILL"), url: textOf(started.url), token: textOf(started.token) };
}

describe("an emulator that is killed", () => {
  it("takes its machines with it: counting, frozen, deaf, and escaped from their group", async () => {
    const apart = await startApart(join(directory, "data"));
    const client = new TestClient(apart);
    const counting = await client.started("registry.fly.io/counter");
    const frozen = await client.started("registry.fly.io/counter");
    const deaf = await client.started("registry.fly.io/stubborn");
    const escaped = process.platform === "linux" ? [await client.started("registry.fly.io/escapist")] : [];
    await client.call("POST", `/machines/${frozen}/suspend`);
    await client.reaches(frozen, "suspended");
    const rootOf = (id: string): string => join(directory, "data", "machines", id);
    await until("they count", () => [counting, frozen, ...escaped].every((id) => counterOf(rootOf(id)) > 2));
    await until("one is deaf", () => existsSync(join(rootOf(deaf), "ready")));
    const running = [counting, frozen, deaf, ...escaped];
    // These are somewhere between their create and their first instruction when the end comes.
    const booting = await Promise.all(
      [1, 2, 3, 4].map(async () => idOf(await client.create("registry.fly.io/counter"))),
    );
    if (process.platform === "linux") expect(running.every((id) => processesOf([id]).length > 0)).toBe(true);

    apart.kill();
    await until("no machine has a process any more", () => processesOf([...running, ...booting]).length === 0);
    const counters = (): number[] => [...running, ...booting].map((id) => counterOf(rootOf(id)));
    await until("nothing counts any more", async () => {
      const before = counters();
      await sleep(200);
      return String(counters()) === String(before);
    });
    expect(processesOf([...running, ...booting])).toEqual([]);
  });
});

/** The living processes of some machines, by what each has in its environment; none where there is no /proc. */
const processesOf = (machineIds: readonly string[]): number[] =>
  machineIds.flatMap((id) => processesMarked(`FLY_MACHINE_ID=${id}`)).filter(isRunning);

describe("an emulator that is closed", () => {
  it("ends every process and removes what it wrote", async () => {
    const { emulator, client } = await startQuick();
    const ids = [await client.started("registry.fly.io/stubborn"), await client.started("registry.fly.io/counter")];
    const suspended = ids[1] ?? "";
    await client.call("POST", `/machines/${suspended}/suspend`);
    await client.call("POST", "/machines", { config: { image: "registry.fly.io/sleeper" } });
    const processIds = ids.map((id) => emulator.machine(id)?.processId ?? 0);
    expect(processIds.every(isRunning)).toBe(true);
    await emulator.close();
    await emulator.close();
    expect(processIds.some(isRunning)).toBe(false);
    expect(existsSync(emulator.dataDirectory)).toBe(false);
    await expect(client.call("GET", "/machines")).rejects.toThrow();
  });

  it("says so when its port is taken, and leaves nothing running", async () => {
    const { emulator } = await startQuick();
    const port = Number(new URL(emulator.url).port);
    await expect(startFlyEmulator({ ...QUICK, port, dataDirectory: join(directory, "second") })).rejects.toThrow(
      "EADDRINUSE",
    );
    expect(readdirSync(join(directory, "second"))).toEqual([]);
    await emulator.close();
  });

  it("refuses a directory that belongs to somebody else", async () => {
    mkdirSync(join(directory, "mine"));
    writeFileSync(join(directory, "mine", "thesis.txt"), "years of work");
    const dataDirectory = join(directory, "mine");
    await expect(startFlyEmulator({ ...QUICK, dataDirectory })).rejects.toThrow("was not made by this emulator");
    expect(readdirSync(dataDirectory)).toEqual(["thesis.txt"]);
  });
});

describe("an emulator that persists", () => {
  it("knows its machines and volumes again, stopped and with their data", async () => {
    const options = { ...QUICK, dataDirectory: join(directory, "data"), persist: true, token: "same" };
    const first = await startFlyEmulator(options);
    let client = new TestClient(first);
    const volume = idOf(await client.call("POST", "/volumes", { name: "kept", region: "iad", size_gb: 1 }));
    const mounts = [{ volume, path: "/data" }];
    const id = await client.started("registry.fly.io/sleeper", { mounts, metadata: { a: "b" } }, { name: "kept" });
    writeFileSync(join(first.volumeDirectory(volume), "note"), "hello");
    await first.close();

    const second = await startFlyEmulator(options);
    client = new TestClient(second);
    const { json } = await client.call("GET", `/machines/${id}`);
    expect(json).toMatchObject({ name: "kept", state: "stopped", config: { metadata: { a: "b" } } });
    expect((await client.create("registry.fly.io/sleeper", {}, { name: "kept" })).status).toBe(409);
    expect((await client.call("GET", `/volumes/${volume}`)).json.attached_machine_id).toBe(id);
    expect((await client.call("POST", `/machines/${id}/start`)).status).toBe(200);
    await client.reaches(id, "started");
    expect(existsSync(join(second.machine(id)?.rootDirectory ?? "", "data/note"))).toBe(true);
    await second.close();

    // Without persist the directory is the emulator's to clear.
    const third = await startFlyEmulator({ ...options, persist: false });
    expect([third.machines(), third.volumes()]).toEqual([[], []]);
    await third.close();
    expect(readdirSync(options.dataDirectory)).toEqual([]);
  });
});

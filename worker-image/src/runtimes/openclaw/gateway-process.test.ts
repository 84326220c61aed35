/** Gateways as processes: how they begin, how they end, and that nothing of them stays. */
import { existsSync, readFileSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { temporaryDirectory } from "../../testing/temporary.js";
import { redacted } from "../redaction.js";
import { GatewayProcess } from "./gateway-process.js";

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === "object" && address !== null ? address.port : 0;
}

/** Starts `script` in the place of `openclaw.mjs`. */
async function started(script: string) {
  const directory = await temporaryDirectory();
  const entry = join(directory, "openclaw.mjs");
  await writeFile(entry, script);
  const address = { port: await freePort(), token: `token-${Math.random().toString(36).slice(2)}` };
  const environment = { PATH: process.env["PATH"] ?? "", OPENCLAW_GATEWAY_TOKEN: address.token };
  const gateway = GatewayProcess.start({ node: process.execPath, entry, directory, environment, address });
  onTestFinished(() => gateway.stop({ now: true }));
  return { gateway, directory, token: address.token };
}

const READY = `
  import { createServer } from "node:http";
  const port = process.argv[process.argv.indexOf("--port") + 1];
  createServer((_, answer) => answer.writeHead(200).end("{}")).listen(port, "127.0.0.1");
`;
const never = new AbortController().signal;

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    return !(existsSync(`/proc/${pid}/stat`) && / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
  } catch {
    return false;
  }
};

describe("a gateway", () => {
  it("is ready when it says so, and gone when it was told to go", async () => {
    const { gateway } = await started(READY);
    await gateway.untilReady(never);
    expect(await gateway.isReady()).toBe(true);
    await gateway.stop({ now: false });
    expect(gateway.isAlive).toBe(false);
    expect(gateway.ending).toEqual({ code: null, signal: "SIGTERM" });
    expect(await gateway.isReady()).toBe(false);
  });

  it("shows no half of a secret that was cut where its output was shortened", async () => {
    const { gateway, token } = await started(`
      process.stdout.write("x".repeat(3_990) + process.env.OPENCLAW_GATEWAY_TOKEN + "y".repeat(9_000));
    `);
    await expect(gateway.untilReady(never)).rejects.toThrow();
    expect(gateway.printed).toContain(token.slice(0, 10));
    expect(gateway.printedWithout((piece) => redacted(piece, { TOKEN: token }))).not.toContain(token.slice(0, 10));
  });

  it("with a wrong configuration says which key it is", async () => {
    const { gateway } = await started(`
      console.error("Gateway failed to start: Invalid config at /t/openclaw.json:");
      console.error("<root>: Unrecognized key: \\"nonsense\\"");
      process.exit(78);
    `);
    await expect(gateway.untilReady(never)).rejects.toMatchObject({
      name: "RuntimeNotStarted",
      kind: "config_error",
      message: 'OpenClaw does not accept its configuration. It says: <root>: Unrecognized key: "nonsense"',
    });
  });

  it("that ends, cannot be started or is never ready says that", async () => {
    const ended = await started("process.exit(3);");
    await expect(ended.gateway.untilReady(never)).rejects.toMatchObject({ kind: "runtime_crashed" });
    await expect(ended.gateway.untilReady(never)).rejects.toThrow(/exit code 3/);
    const killed = await started('process.kill(process.pid, "SIGKILL");');
    await expect(killed.gateway.untilReady(never)).rejects.toThrow(/by SIGKILL/);
    const taken = await started(`
      console.error("Another gateway (pid 1973) already owns this state directory; refusing to run.");
      process.exit(78);
    `);
    await expect(taken.gateway.untilReady(never)).rejects.toMatchObject({ kind: "runtime_crashed" });
    const full = await started('console.error("Error: ENOSPC: no space left on device, write"); process.exit(1);');
    await expect(full.gateway.untilReady(never)).rejects.toMatchObject({ kind: "disk_full" });
    const silent = await started("setInterval(() => {}, 1000);");
    await expect(silent.gateway.untilReady(AbortSignal.timeout(300))).rejects.toMatchObject({ kind: "timeout" });
  });

  it("leaves nothing behind, wherever what it started has gone", async () => {
    const { gateway, directory } = await started(`
      import { spawn } from "node:child_process";
      import { writeFileSync } from "node:fs";
      process.on("SIGTERM", () => {});
      const start = (environment) =>
        spawn("/bin/sh", ["-c", "trap '' TERM; sleep 60; sleep 60"], {
          detached: true, stdio: "ignore", env: { ...process.env, ...environment },
        }).pid;
      const own = start({});
      const command = start({ OPENCLAW_SHELL: "exec" });
      writeFileSync("pids", JSON.stringify([process.pid, own, command]));
      ${READY.replace('import { createServer } from "node:http";', 'const { createServer } = await import("node:http");')}
    `);
    await gateway.untilReady(never);
    const pids: unknown = JSON.parse(await readFile(join(directory, "pids"), "utf8"));
    if (!Array.isArray(pids)) throw new Error("No process ids.");
    const [main, own, command] = pids.map(Number);
    const alive = () => [main, own, command].map((pid) => isAlive(pid ?? 0));
    expect(alive()).toEqual([true, true, true]);
    if (process.platform === "linux") {
      await gateway.killCommands();
      await expect.poll(alive, { timeout: 10_000 }).toEqual([true, true, false]);
    }
    await gateway.stop({ now: true });
    expect(gateway.isAlive).toBe(false);
    if (process.platform === "linux") await expect.poll(alive, { timeout: 10_000 }).toEqual([false, false, false]);
  });
});

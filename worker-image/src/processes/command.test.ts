/** Commands: their output and ending, and that nothing of them is left. */
import { existsSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { redacted } from "../runtimes/redaction.js";
import { temporaryDirectory } from "../testing/temporary.js";
import { monotonicMs, sleep } from "../timing.js";
import { wellFormed } from "../well-formed.js";
import { BoundedText } from "./bounded-text.js";
import { baseEnvironment, describeEnding, runCommand, type CommandOptions } from "./command.js";

async function setting(change: Partial<CommandOptions> = {}): Promise<CommandOptions> {
  const directory = await temporaryDirectory();
  return {
    directory,
    environment: { ...baseEnvironment(directory, directory), MINE: "42" },
    timeoutMs: 20_000,
    maxOutputCharacters: 1_000,
    clean: (piece) => piece,
    signal: new AbortController().signal,
    ...change,
  };
}

const isAlive = (pid: number) => {
  try {
    process.kill(pid, 0);
    // Dead, and only waiting for whoever inherited it to notice.
    return !(existsSync(`/proc/${pid}/stat`) && / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
  } catch {
    return false;
  }
};

async function untilFile(path: string): Promise<string> {
  for (let tries = 0; tries < 500; tries++) {
    const text = await readFile(path, "utf8").catch(() => "");
    if (text.endsWith("\n")) return text.trim();
    await sleep(10);
  }
  throw new Error(`Nothing wrote ${path}`);
}

describe("a command", () => {
  it("runs in its folder with its own environment and nothing of the worker's", async () => {
    process.env["AGENT_FACTORY_TEST_LEAK"] = "leaked";
    const options = await setting();
    const { exitCode, output, endedBy } = await runCommand("pwd; echo $MINE; echo oops >&2; env; exit 3", options);
    delete process.env["AGENT_FACTORY_TEST_LEAK"];
    expect([exitCode, endedBy]).toEqual([3, "itself"]);
    expect(output.split("\n").slice(0, 1)).toEqual([options.directory]);
    expect(output).toContain("42\n");
    expect(output).toContain("oops\n");
    expect(output).not.toContain("leaked");
  });

  it("is stopped at its time limit, with everything it started", async () => {
    const options = await setting({ timeoutMs: 1_000 });
    const command = "trap '' TERM; sh -c 'echo $$ > child; trap \"\" TERM; sleep 60; sleep 60' & wait; sleep 60";
    const result = await runCommand(command, options);
    expect(result).toMatchObject({ endedBy: "timeout" });
    expect(describeEnding(result, 1_000)).toBe("stopped after 1 s, its time limit");
    expect(isAlive(Number(await untilFile(join(options.directory, "child"))))).toBe(false);
  });

  it("is stopped when the turn is", async () => {
    const abort = new AbortController();
    const options = await setting({ signal: abort.signal });
    const running = runCommand("echo $$ > me; sleep 60", options);
    const pid = Number(await untilFile(join(options.directory, "me")));
    const before = monotonicMs();
    abort.abort();
    expect(describeEnding(await running, 1)).toBe("stopped with the turn");
    expect(monotonicMs() - before).toBeLessThan(5_000);
    expect(isAlive(pid)).toBe(false);
    expect((await runCommand("touch never", options)).endedBy).toBe("abort");
    await expect(readFile(join(options.directory, "never"))).rejects.toThrow("ENOENT");
  });

  it("leaves no process behind in the background", async () => {
    const options = await setting();
    const result = await runCommand("sleep 60 & echo $! > child; echo done", options);
    expect(result).toMatchObject({ exitCode: 0, output: "done\n" });
    const pid = Number(await untilFile(join(options.directory, "child")));
    for (let tries = 0; tries < 100 && isAlive(pid); tries++) await sleep(10);
    expect(isAlive(pid)).toBe(false);
  });

  it.runIf(process.platform === "linux")("leaves nothing behind that has left its process group either", async () => {
    const options = await setting();
    const escape = (file: string) => `setsid sh -c 'echo $$ > ${file}; sleep 60' >/dev/null 2>&1 &`;
    const wait = (file: string) => `while [ ! -s ${file} ]; do sleep 0.01; done;`;
    const [quiet, loud] = ["quiet", "loud"].map((file) => join(options.directory, file));
    await runCommand(`${escape("quiet")} ${wait("quiet")}`, options);
    const stopped = runCommand(`${escape("loud")} ${wait("loud")} sleep 60`, { ...options, timeoutMs: 500 });
    expect((await stopped).endedBy).toBe("timeout");
    for (const file of [quiet, loud]) {
      const pid = Number(await untilFile(file ?? ""));
      for (let tries = 0; tries < 100 && isAlive(pid); tries++) await sleep(10);
      expect(isAlive(pid)).toBe(false);
    }
  });

  it("has secrets taken out of its output before that is cut", async () => {
    const clean = (piece: string) => redacted(piece, { KEY: "0123456789abcdefghij" });
    // Half of what is kept ends in the middle of the secret.
    const command = `printf '%0490d' 0 | tr 0 x; printf 0123456789abcdefghij; printf '%02000d' 0 | tr 0 y`;
    const { output } = await runCommand(command, await setting({ clean }));
    expect(output).toMatch(/^x+\[KEY redacted\]\n\[\d+ characters left out\]\ny+$/);
  });

  it("that prints without end costs bounded memory", async () => {
    const { output } = await runCommand("yes | head -c 3000000", await setting());
    expect(output).toMatch(/^(y\n)+\n?\[\d+ characters left out\]\n/);
    expect(output.length).toBeLessThan(1_100);
  });

  it.runIf(existsSync("/proc/self/oom_score_adj"))("goes before the worker when memory runs out", async () => {
    expect((await runCommand("cat /proc/self/oom_score_adj", await setting())).output).toBe("1000\n");
  });

  it("that is killed for its memory says so", () => {
    const killed = { exitCode: null, signal: "SIGKILL" as const, endedBy: "itself" as const, output: "" };
    expect(describeEnding(killed, 1)).toMatch(/no memory left/);
    expect(describeEnding({ ...killed, exitCode: 137, signal: null }, 1)).toMatch(/no memory left/);
    expect(describeEnding({ ...killed, exitCode: 2, signal: null }, 1)).toBe("exit code 2");
    expect(describeEnding({ ...killed, signal: "SIGSEGV" }, 1)).toBe("ended by SIGSEGV");
  });
});

describe("bounded text", () => {
  it("is the text itself while that fits, and never longer than it may be", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.nat(60), (parts, limit) => {
        const text = new BoundedText(limit);
        for (const part of parts) text.add(part);
        const whole = parts.join("");
        if (whole.length <= (limit >> 1) * 2) expect(text.toString()).toBe(wellFormed(whole));
        expect(text.toString().length).toBeLessThanOrEqual(limit + 60);
      }),
    );
  });
});

/** `npx agent-factory image`: what it prints is what a shell would run, and nothing else gets into it. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { imageCommands, parseArguments, UsageError } from "../../bin/image-commands.js";

const project = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const run = async (...args: string[]) =>
  await promisify(execFile)(process.execPath, [project("bin/agent-factory.js"), ...args]).then(
    ({ stdout }) => ({ code: 0, output: stdout }),
    (error: unknown) => vFailed.parse(error),
  );
const vFailed = z
  .object({ code: z.number(), stderr: z.string() })
  .transform(({ code, stderr }) => ({ code, output: stderr }));
const DIGEST = `sha256:${"ab".repeat(32)}`;

/** The lines that are commands. */
function commands(...args: string[]): string[] {
  const options = parseArguments(["image", ...args]);
  if (options === "help") throw new Error("That was no command.");
  return imageCommands(options)
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));
}

describe("npx agent-factory image", () => {
  it("prints how to build and store, on Fly's builders or here, with files that exist", async () => {
    const [build] = commands("--app", "my-agents", "--tag", "v1");
    expect(build).toBe(
      "fly deploy . --config worker-image/fly.toml --app my-agents --build-only --push --image-label v1 --remote-only --depot=false",
    );
    const local = commands("--app", "my-agents", "--builder", "docker", "--node-image", `node:24-slim@${DIGEST}`);
    expect(local[1]).toBe(
      `docker build --platform linux/amd64 --file worker-image/Dockerfile --build-arg NODE_IMAGE=node:24-slim@${DIGEST} --tag registry.fly.io/my-agents:release .`,
    );
    expect(local[2]).toBe("docker push registry.fly.io/my-agents:release");
    expect(await readFile(project("worker-image/Dockerfile"), "utf8")).toContain("ARG NODE_IMAGE");
    expect(await readFile(project("worker-image/fly.toml"), "utf8")).toContain('dockerfile = "Dockerfile"');
  });

  it("ends with the digest in a provider config", () => {
    const [rollOut] = commands("--app", "my-agents", "--digest", DIGEST, "--region", "fra", "--region", "ams");
    const json = /'(\{.*?\})' --identity/.exec(rollOut ?? "")?.[1] ?? "";
    expect(JSON.parse(json)).toEqual({
      providerConfig: {
        kind: "fly",
        appName: "my-agents",
        image: `registry.fly.io/my-agents@${DIGEST}`,
        regions: ["fra", "ams"],
      },
    });
  });

  it("says in one line what is wrong, with exit code 2; help is no error", async () => {
    const cases: [string[], RegExp][] = [
      [["fleet"], /no command "fleet"/],
      [["image"], /--app NAME/],
      [["image", "--app"], /--app needs a value like my-agents/],
      [["image", "--app", "a; rm -rf /"], /--app needs a value/],
      [["image", "--app", "a", "--digest", "latest"], /--digest needs a value like sha256/],
      [["image", "--app", "a", "--color", "red"], /no option "--color"/],
      [["image", "--app", "a", "--app", "b"], /given twice/],
    ];
    for (const [args, message] of cases) {
      expect(() => parseArguments(args)).toThrow(UsageError);
      expect(() => parseArguments(args)).toThrow(message);
    }
    expect(await run("image")).toMatchObject({
      code: 2,
      output: expect.stringMatching(/^agent-factory: [^\n]+\n$/) as string,
    });
    expect(await run("--help")).toMatchObject({
      code: 0,
      output: expect.stringContaining("npx agent-factory image") as string,
    });
    expect(await run("image", "--app", "a")).toMatchObject({
      code: 0,
      output: expect.stringContaining("--app a ") as string,
    });
  });
});

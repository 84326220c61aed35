/** Installs the pinned OpenClaw, and the Node it wants, from npm into a folder of their own that later runs find again. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export type OpenClawInstallation = {
  /** A Node that OpenClaw runs on. */
  node: string;
  /** `openclaw.mjs`. */
  entry: string;
};

const PINNED = fileURLToPath(new URL("../../worker-image/src/runtimes/openclaw/install/", import.meta.url));
/** Of the major that the worker image has; OpenClaw wants at least 24.16. */
const NODE_VERSION = "24.21.0";
const OLDEST_NODE = [24, 16] as const;
/** 330 packages: half a minute with a quick registry, and a bound for a slow one. */
const INSTALL_TIMEOUT_MS = 5 * 60_000;

const run = promisify(execFile);

/**
 * Where everything lies; made if it is not there yet. Another run that installs at the same time does no harm: each makes a
 * folder of its own, and the first that is complete takes the place.
 */
export async function installOpenClaw(): Promise<OpenClawInstallation> {
  const needsNode = !isNewEnough(process.versions.node);
  const lock = await readFile(join(PINNED, "package-lock.json"), "utf8");
  const content = `${lock} ${needsNode ? NODE_VERSION : ""} ${process.platform} ${process.arch}`;
  const key = createHash("sha256").update(content).digest("hex").slice(0, 16);
  const home = join(cacheDirectory(), `agent-factory-openclaw-${key}`);
  if (!existsSync(home)) await install(home, needsNode);
  return {
    node: needsNode ? join(home, "node/node_modules", nodePackage(), "bin/node") : process.execPath,
    entry: join(home, "openclaw/node_modules/openclaw/openclaw.mjs"),
  };
}

async function install(home: string, needsNode: boolean): Promise<void> {
  await mkdir(cacheDirectory(), { recursive: true });
  const unfinished = await mkdtemp(`${home}.`);
  try {
    const openclaw = join(unfinished, "openclaw");
    await cp(PINNED, openclaw, { recursive: true });
    // No script of a package runs: those of OpenClaw itself only look for other package managers.
    await npm(["ci", "--omit=dev", "--ignore-scripts"], openclaw);
    if (needsNode) {
      const node = join(unfinished, "node");
      await mkdir(node);
      await writeFile(join(node, "package.json"), '{ "private": true }\n');
      await npm(["install", "--ignore-scripts", `${nodePackage()}@${NODE_VERSION}`], node);
    }
    await rename(unfinished, home);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    // Somebody else was quicker.
    if (!existsSync(home)) throw error;
  }
}

async function npm(args: readonly string[], cwd: string): Promise<void> {
  await run("npm", [...args, "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd,
    timeout: INSTALL_TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
  });
}

/** The package with nothing but the program for this computer. */
function nodePackage(): string {
  const prefix = process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
  return `${prefix}-${process.platform}-${process.arch}`;
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1];
}

function cacheDirectory(): string {
  const configured = process.env["XDG_CACHE_HOME"] ?? "";
  return isAbsolute(configured) ? configured : tmpdir();
}

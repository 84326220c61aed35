/** Everything a browser test needs: the whole system, the pages on top of it, a line that can be cut, and a browser. */
import type { Browser } from "playwright-core";
import { startNextApp } from "../../dev/demo/next-app.js";
import { startStack, type Stack } from "../../dev/demo/stack.js";
import { launchBrowser } from "./browser.js";
import { openLine, type SeverableLine } from "./severable-line.js";

export interface ConsoleSystem {
  browser: Browser;
  stack: Stack;
  /** Between the pages and the backend; workers do not use it. */
  line: SeverableLine;
  chatUrl: string;
  fleetUrl: string;
  close(): Promise<void>;
}

/** A slow speaker: an answer of twenty words can be watched for two seconds, also on a machine that is busy. */
const WORD_DELAY_MS = 100;

/** More than the users of all tests together, so that none waits for another's machine. */
export const MAX_MACHINES = 10;

/** Whatever had started is stopped again when a later part fails. */
export async function startConsoleSystem(): Promise<ConsoleSystem> {
  const started: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const stop of started.splice(0).reverse()) await stop();
  };
  try {
    const stack = await startStack({
      policy: { maxWorkers: MAX_MACHINES },
      workerEnvironment: { AGENT_FACTORY_ECHO_DELAY_MS: String(WORD_DELAY_MS) },
    });
    started.push(async () => await stack.close());
    const line = await openLine(stack.cloudUrl);
    started.push(async () => await line.close());
    const app = await startNextApp({ convexUrl: line.url, port: 0, mode: "production" });
    started.push(async () => await app.close());
    const browser = await launchBrowser();
    started.push(async () => await browser.close());
    return { browser, stack, line, chatUrl: app.url, fleetUrl: `${app.url}/fleet`, close };
  } catch (error) {
    await close();
    throw error;
  }
}

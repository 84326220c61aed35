/** Starts a headless Chromium, and opens pages of which nothing that goes wrong goes unnoticed. */
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";

/** Where Debian's and Ubuntu's packages put it. */
const DEFAULT_CHROMIUM = "/usr/bin/chromium";

const FLAGS = [
  "--headless",
  // Containers run as root and have no user namespaces; the only pages opened are this repository's own.
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const WAIT_TIMEOUT_MS = 60_000;

/** With a new, temporary profile that goes away with it. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env["CHROMIUM_PATH"] ?? DEFAULT_CHROMIUM;
  try {
    return await chromium.launch({ executablePath, args: FLAGS });
  } catch (error) {
    throw new Error(
      `Chromium could not be started from ${executablePath}. Install it (on Debian: apt-get install chromium) or set CHROMIUM_PATH.`,
      { cause: error },
    );
  }
}

export interface Visitor {
  context: BrowserContext;
  page: Page;
  /** What pages reported as errors; a test that provokes one takes it out with `forgiveErrors`. */
  errors: string[];
  forgiveErrors(pattern: RegExp): void;
  close(): Promise<void>;
}

export interface VisitorOptions {
  width?: number;
  height?: number;
  colorScheme?: "light" | "dark";
  /** For pictures that stay sharp. */
  deviceScaleFactor?: number;
}

/** Somebody who has never been here: no storage, no cookies, another user. */
export async function newVisitor(browser: Browser, options: VisitorOptions = {}): Promise<Visitor> {
  const { width = 1280, height = 800, colorScheme = "light", deviceScaleFactor = 1 } = options;
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, deviceScaleFactor });
  context.setDefaultTimeout(WAIT_TIMEOUT_MS);
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  return {
    context,
    page,
    errors,
    forgiveErrors: (pattern) => {
      errors.splice(0, errors.length, ...errors.filter((error) => !pattern.test(error)));
    },
    close: async () => await context.close(),
  };
}

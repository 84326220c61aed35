/**
 * `npm run check:fly-api -- <file>`: does what this project says to Fly, and what its emulator answers, fit Fly's own
 * description? The file is Fly's OpenAPI (or Swagger) document as JSON, to be found at https://docs.machines.dev.
 *
 * Exits with 0 when everything fits, 1 when something does not, and 2 when there is nothing to hold it against.
 */
import { readFileSync } from "node:fs";
import { readDescription } from "./description.js";
import { passed, runCheck, summary } from "./run.js";

const USAGE =
  "Say which file holds Fly's API description as JSON: npm run check:fly-api -- <file>. " +
  "Fly publishes it at https://docs.machines.dev/spec/openapi3.json.";

/** The file's text, or a sentence that says why there is none. */
function readText(path: string | undefined): { text: string } | { problem: string } {
  if (path === undefined) return { problem: USAGE };
  try {
    const text = readFileSync(path, "utf8");
    readDescription(text);
    return { text };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { problem: `The file ${path} cannot be used as an API description: ${reason}. ${USAGE}` };
  }
}

async function main(): Promise<number> {
  const file = readText(process.argv[2]);
  if ("problem" in file) {
    process.stderr.write(`${file.problem}\n`);
    return 2;
  }
  const report = await runCheck(file.text);
  process.stdout.write(summary(report));
  return passed(report) ? 0 : 1;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`The check could not be done: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  },
);

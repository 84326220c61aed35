/**
 * `npm run codegen` writes the `_generated` folders of the component and of the example without a Convex deployment;
 * `npm run codegen -- --check` only says whether they are up to date.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { applyChanges, changesTo } from "./changes.js";
import { generate } from "./generate.js";

const projectDirectory = fileURLToPath(new URL("../..", import.meta.url));

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
  const started = Date.now();
  const generated = await generate(projectDirectory);
  const changes = await changesTo(projectDirectory, generated);
  if (!values.check) await applyChanges(projectDirectory, changes);
  const listed = changes.map(({ kind, path }) => `  ${kind} ${path}`).join("\n");
  if (changes.length > 0 && !values.check) console.log(listed);
  if (generated.appFailure !== null) {
    console.error(`Code generation failed for the app, not for its components. ${generated.appFailure.message}`);
    return 1;
  }
  if (changes.length > 0 && values.check) {
    console.error(`Generated code is out of date:\n${listed}\nRun \`npm run codegen\` and commit the result.`);
    return 1;
  }
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${generated.files.size} generated files are up to date (${seconds} s).`);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error);
  console.error(`Code generation failed and changed nothing. ${reason}`);
  process.exitCode = 1;
}

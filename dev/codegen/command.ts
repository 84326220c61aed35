/** The command behind `npm run codegen`: generates, compares, and writes or only reports. */
import { parseArgs } from "node:util";
import { applyChanges, changesTo } from "./changes.js";
import { generate } from "./generate.js";

/** Where the command says what it did. */
export interface CommandOutput {
  info(line: string): void;
  error(line: string): void;
}

/**
 * @param args `--check` to report instead of writing.
 * @returns the exit code: 1 if something could not be generated or, with `--check`, is not up to date. In both cases
 * nothing of what it concerns was changed.
 */
export async function codegenCommand(
  projectDirectory: string,
  args: readonly string[],
  output: CommandOutput,
  signal?: AbortSignal,
): Promise<number> {
  const started = Date.now();
  try {
    const { values } = parseArgs({ args: [...args], options: { check: { type: "boolean", default: false } } });
    const generated = await generate(projectDirectory, signal);
    const changes = await changesTo(projectDirectory, generated);
    if (!values.check) await applyChanges(projectDirectory, changes);
    const listed = changes.map(({ kind, path }) => `  ${kind} ${path}`).join("\n");
    if (changes.length > 0 && !values.check) output.info(listed);
    if (generated.appFailure !== null) {
      output.error(`Code generation failed for the app, not for its components. ${generated.appFailure.message}`);
      return 1;
    }
    if (changes.length > 0 && values.check) {
      output.error(`Generated code is out of date:\n${listed}\nRun \`npm run codegen\` and commit the result.`);
      return 1;
    }
    const seconds = ((Date.now() - started) / 1000).toFixed(1);
    output.info(`${generated.files.size} generated files are up to date (${seconds} s).`);
    return 0;
  } catch (error) {
    output.error(`Code generation failed. ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

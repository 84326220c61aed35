/** Reads the options of a command of this folder; one that it does not know ends it with a sentence instead of a stack. */
import process from "node:process";
import { parseArgs, type ParseArgsConfig } from "node:util";

/** Exits with code 2, after one line on standard error, when the command line is not what `options` say. */
export function commandOptions<const Options extends NonNullable<ParseArgsConfig["options"]>>(options: Options) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    const known = Object.keys(options).map((name) => `--${name}`);
    process.stderr.write(`${error instanceof Error ? error.message : String(error)} (known: ${known.join(", ")})\n`);
    process.exit(2);
  }
}

/**
 * `npm run codegen` writes the `_generated` folders of the component and of the example without a Convex deployment;
 * `npm run codegen -- --check` only says whether they are up to date.
 */
import { fileURLToPath } from "node:url";
import { codegenCommand } from "./command.js";

const projectDirectory = fileURLToPath(new URL("../..", import.meta.url));

// Without this, stopping it would leave a copy of the project among the temporary files.
const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());

const output = { info: (line: string) => console.log(line), error: (line: string) => console.error(line) };
process.exitCode = await codegenCommand(projectDirectory, process.argv.slice(2), output, stop.signal);

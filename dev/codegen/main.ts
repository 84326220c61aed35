/**
 * `npm run codegen` writes the `_generated` folders of the component and of the example without a Convex deployment;
 * `npm run codegen -- --check` only says whether they are up to date.
 */
import { fileURLToPath } from "node:url";
import { codegenCommand } from "./command.js";

const projectDirectory = fileURLToPath(new URL("../..", import.meta.url));

process.exitCode = await codegenCommand(projectDirectory, process.argv.slice(2), {
  info: (line) => console.log(line),
  error: (line) => console.error(line),
});

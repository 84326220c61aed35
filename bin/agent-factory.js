#!/usr/bin/env node
// @ts-check
/** `npx agent-factory`: prints commands for operators. It changes nothing by itself. */
import { imageCommands, parseArguments, USAGE, UsageError } from "./image-commands.js";

try {
  const options = parseArguments(process.argv.slice(2));
  console.log(options === "help" ? USAGE : imageCommands(options));
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`agent-factory: ${error.message} See npx agent-factory --help.`);
  process.exitCode = 2;
}

/** Makes sure, before any test, that OpenClaw is installed; the tests themselves then find it at once. */
import { installOpenClaw } from "./installation.js";

export async function setup(): Promise<void> {
  await installOpenClaw();
}

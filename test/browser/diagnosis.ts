/** What one needs to know when a browser test fails: what its pages showed, and what the system behind them was doing. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { api } from "../../example/convex/_generated/api.js";
import type { Visitor } from "./browser.js";
import type { ConsoleSystem } from "./console-system.js";

/** The end of a machine's log says why it ended. */
const LOG_TAIL_CHARACTERS = 1_000;
const SHOWN_MACHINES = 5;

/** Never throws: the failure that is being explained matters more than its explanation. */
export async function describeFailure(system: ConsoleSystem, visitors: Record<string, Visitor>): Promise<string> {
  const lines: string[] = [];
  try {
    const folder = await mkdtemp(join(tmpdir(), "agent-factory-browser-failure-"));
    for (const [name, { page, errors }] of Object.entries(visitors)) {
      const path = join(folder, `${name}.png`);
      await page.screenshot({ path });
      lines.push(`${name} saw ${path} at ${page.url()}${errors.map((error) => `\n  ${error}`).join("")}`);
    }
    const { operator, fly } = system.stack;
    lines.push(`pool ${JSON.stringify(await operator.query(api.agentFactory.poolHealth, {}))}`);
    lines.push(`queue ${JSON.stringify(await operator.query(api.agentFactory.queueStats, {}))}`);
    for (const { id, state } of fly.machines().slice(-SHOWN_MACHINES)) {
      lines.push(`machine ${id} ${state}\n${fly.logs(id).slice(-LOG_TAIL_CHARACTERS)}`);
    }
  } catch (error) {
    lines.push(`(the rest could not be found out: ${String(error)})`);
  }
  return lines.join("\n");
}

/** Runs the scenario against an emulator and holds everything that was said against a description of Fly's API. */
import { startFlyEmulator } from "../index.js";
import { readDescription } from "./description.js";
import { deviationFor, KNOWN_DEVIATIONS, type Deviation } from "./deviations.js";
import { SCENARIO_IMAGE, useEverything } from "./scenario.js";
import { ExchangeValidator, operationName, type Mismatch } from "./validate.js";

export interface CheckReport {
  readonly dialect: string;
  readonly exchanges: number;
  readonly endpoints: number;
  /** Endpoints of the emulator that the scenario did not use; there should be none. */
  readonly unused: readonly string[];
  /** Each once, however often it was seen. */
  readonly mismatches: readonly Mismatch[];
  readonly deviations: readonly { readonly deviation: Deviation; readonly times: number }[];
}

/** Throws when the text is no description, or the scenario does not get through. */
export async function runCheck(descriptionText: string): Promise<CheckReport> {
  const description = readDescription(descriptionText);
  const validator = new ExchangeValidator(description);
  const emulator = await startFlyEmulator({
    images: { [SCENARIO_IMAGE]: { command: "sleep", args: ["600"] } },
    rateLimits: false,
    latencies: { create: 10, start: 10, resume: 10, suspend: 10, destroy: 10, restart: 10 },
  });
  try {
    await useEverything(emulator);
    const exchanges = emulator.recorder.all();
    const mismatches = new Map<string, Mismatch>();
    const deviations = new Map<Deviation, number>();
    for (const found of exchanges.flatMap((exchange) => validator.validate(exchange))) {
      const deviation = deviationFor(found);
      if (deviation !== undefined) deviations.set(deviation, (deviations.get(deviation) ?? 0) + 1);
      else mismatches.set(JSON.stringify(found), found);
    }
    const used = new Set(exchanges.map(operationName));
    return {
      dialect: description.dialect,
      exchanges: exchanges.length,
      endpoints: emulator.endpoints.length,
      unused: emulator.endpoints.filter((endpoint) => !used.has(endpoint)),
      mismatches: [...mismatches.values()],
      deviations: [...deviations].map(([deviation, times]) => ({ deviation, times })),
    };
  } finally {
    await emulator.close();
  }
}

export const passed = (report: CheckReport): boolean => report.mismatches.length === 0 && report.unused.length === 0;

export function summary(report: CheckReport): string {
  const lines = [
    `${report.exchanges} requests over ${report.endpoints} endpoints, held against ${report.dialect}.`,
    ...report.deviations.map(({ deviation, times }) => `Known deviation, seen ${times} times: ${deviation.reason}.`),
    ...KNOWN_DEVIATIONS.filter((known) => !report.deviations.some(({ deviation }) => deviation === known)).map(
      (known) =>
        `Known deviation, not seen any more and to be removed if Fly's description caught up: ${known.reason}.`,
    ),
    ...report.unused.map((endpoint) => `NOT USED by the scenario: ${endpoint}`),
    ...report.mismatches.map(
      ({ operation, part, where, message }) =>
        `MISMATCH in ${operation}, ${part} ${where === "" ? "(all)" : where}: ${message}`,
    ),
    passed(report)
      ? "Everything fits."
      : `${report.mismatches.length} mismatches, ${report.unused.length} endpoints not used.`,
  ];
  return `${lines.join("\n")}\n`;
}

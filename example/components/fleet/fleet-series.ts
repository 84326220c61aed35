/** The three curves of the chart: how many machines there are, what runs on them, and what waits. */
export const FLEET_SERIES = [
  { key: "machines", name: "Machines", color: "var(--accent)" },
  { key: "processing", name: "Running", color: "var(--good)" },
  { key: "queued", name: "Queued", color: "var(--wait)" },
] as const;

/** The results as a picture: per workload the bill and the wait of each policy, as SVG that reads on light and dark pages. */
import { POLICIES, type PolicyName, type PoolRow } from "./results.js";
import { TRACES, type TraceName } from "./traces.js";

const WIDTH = 960;
const PANEL_WIDTH = 215;
const PANEL_GAP = 20;
const LEFT = 20;
const BAR_HEIGHT = 16;
const BAR_STEP = 22;
const LABEL_WIDTH = 84;
/** Room behind the longest bar for its figure. */
const FIGURE_WIDTH = 62;
const ROW_HEIGHT = POLICIES.length * BAR_STEP + 58;
const TOP = 70;
const HEIGHT = TOP + 2 * ROW_HEIGHT + 20;

const COLORS: Record<PolicyName, string> = {
  original: "#8b929c",
  conversation: "#2563c9",
  user: "#0f8f83",
  shared: "#8546b8",
  bound: "#c9ced6",
};

const TITLES: Record<TraceName, string> = {
  office_day: "office day, 1,000 users",
  spike: "spike, 200 in 10 s",
  long_tail: "long tail, 1 a day",
  hot_user: "one hot user",
};

export function poolChart(rows: readonly PoolRow[]): string {
  const panels = TRACES.flatMap((trace, index) => {
    const x = LEFT + index * (PANEL_WIDTH + PANEL_GAP);
    const own = POLICIES.flatMap((policy) => rows.find((row) => row.trace === trace && row.policy === policy) ?? []);
    const usd = own.map(({ policy, usd }) => ({ policy, value: usd, text: dollars(usd) }));
    const wait = own.map(({ policy, p95WaitMs }) => ({ policy, value: p95WaitMs, text: seconds(p95WaitMs) }));
    return [
      text(x, TOP - 6, TITLES[trace], `font-weight="600"`),
      ...bars(x, TOP, "bill, USD", usd),
      ...bars(x, TOP + ROW_HEIGHT, "95 of 100 wait at most", wait),
    ];
  });
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="title" font-family="system-ui, -apple-system, 'Segoe UI', sans-serif" font-size="12">`,
    `<title id="title">Bill and wait of each pool policy on four workloads</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" rx="8" fill="#ffffff"/>`,
    text(LEFT, 30, "What each policy costs, and how long its users wait", `font-size="16" font-weight="600"`),
    ...panels,
    `</svg>`,
  ];
  return `${lines.join("\n")}\n`;
}

type Bar = { policy: PolicyName; value: number; text: string };

/** Lengths are to scale within one panel; the figures behind them are what to compare across panels. */
function bars(x: number, y: number, caption: string, values: Bar[]): string[] {
  const largest = Math.max(...values.map(({ value }) => value), Number.MIN_VALUE);
  const room = PANEL_WIDTH - LABEL_WIDTH - FIGURE_WIDTH;
  return [
    text(x, y + 18, caption, `fill="#5b6470"`),
    ...values.flatMap((bar, index) => {
      const top = y + 30 + index * BAR_STEP;
      const width = Math.max(1, Math.round((bar.value / largest) * room * 10) / 10);
      const middle = top + BAR_HEIGHT - 4;
      return [
        text(x, middle, bar.policy, ""),
        `<rect x="${x + LABEL_WIDTH}" y="${top}" width="${width}" height="${BAR_HEIGHT}" rx="2" fill="${COLORS[bar.policy]}"/>`,
        text(x + LABEL_WIDTH + width + 5, middle, bar.text, `fill="#1f2530"`),
      ];
    }),
  ];
}

function text(x: number, y: number, content: string, attributes: string): string {
  const fill = attributes.includes("fill=") ? "" : ` fill="#1f2530"`;
  return `<text x="${x}" y="${y}"${fill}${attributes === "" ? "" : ` ${attributes}`}>${escaped(content)}</text>`;
}

function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

export function dollars(usd: number): string {
  return usd >= 0.1 ? usd.toFixed(2) : usd.toFixed(3);
}

export function seconds(ms: number): string {
  return ms >= 10_000 ? `${Math.round(ms / 1_000)} s` : `${(ms / 1_000).toFixed(1)} s`;
}

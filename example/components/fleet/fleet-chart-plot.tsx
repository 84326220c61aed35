"use client";
/** Draws the observed samples as steps: a count holds until it changes, so nothing between two observations is made up. */
import { Area, CartesianGrid, ComposedChart, Line, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";
import { SAMPLE_WINDOW_MS, type FleetSample } from "../../lib/samples";
import { FLEET_SERIES } from "./fleet-series";

const TICK = { fill: "var(--ink-faint)", fontSize: 11 };
const TICKS = 5;
const MAX_COUNT_STEPS = 4;
/** A young series fills the width of one minute instead of hiding at its edge. */
const SHORTEST_SPAN_MS = 60_000;

const CURVE = { type: "stepAfter", strokeWidth: 1.75, dot: false, isAnimationActive: false } as const;
const ACTIVE_DOT = { r: 3, strokeWidth: 0 };

export function FleetChartPlot({ samples }: { samples: readonly FleetSample[] }) {
  const newest = samples.at(-1)?.at ?? 0;
  const oldest = samples[0]?.at ?? 0;
  const span = Math.min(SAMPLE_WINDOW_MS, Math.max(SHORTEST_SPAN_MS, newest - oldest));
  const ticks = Array.from({ length: TICKS }, (_, index) => newest - span + (span * index) / (TICKS - 1));
  const counts = countTicks(
    Math.max(...samples.flatMap(({ machines, processing, queued }) => [machines, processing, queued])),
  );
  const [machines, ...lines] = FLEET_SERIES;
  return (
    <ResponsiveContainer width="100%" height="100%">
      <ComposedChart data={[...samples]} margin={{ top: 8, right: 28, bottom: 0, left: -20 }} accessibilityLayer>
        <CartesianGrid stroke="var(--line)" vertical={false} />
        <XAxis
          dataKey="at"
          type="number"
          scale="time"
          domain={[newest - span, newest]}
          allowDataOverflow
          ticks={ticks}
          tickFormatter={formatTime}
          tick={TICK}
          tickMargin={8}
          tickLine={false}
          axisLine={{ stroke: "var(--line)" }}
        />
        <YAxis
          allowDecimals={false}
          domain={[0, counts.at(-1) ?? 0]}
          ticks={counts}
          tick={TICK}
          tickLine={false}
          axisLine={false}
        />
        <Tooltip
          isAnimationActive={false}
          labelFormatter={(at) => (typeof at === "number" ? formatTime(at) : "")}
          cursor={{ stroke: "var(--line-strong)" }}
          contentStyle={{
            background: "var(--surface)",
            border: "1px solid var(--line-strong)",
            borderRadius: 12,
            fontSize: 12,
            padding: "8px 12px",
          }}
          labelStyle={{ color: "var(--ink-faint)", marginBottom: 2 }}
          itemStyle={{ padding: 0 }}
        />
        {/* A surface, so that it stays visible where a line has the same value. */}
        <Area
          {...CURVE}
          dataKey={machines.key}
          name={machines.name}
          stroke={machines.color}
          fill={machines.color}
          fillOpacity={0.1}
          activeDot={ACTIVE_DOT}
        />
        {lines.map(({ key, name, color }) => (
          <Line {...CURVE} key={key} dataKey={key} name={name} stroke={color} activeDot={ACTIVE_DOT} />
        ))}
      </ComposedChart>
    </ResponsiveContainer>
  );
}

/** Whole numbers at even steps, from 0 to at least 2 and at least `highest`. */
function countTicks(highest: number): number[] {
  const top = Math.max(2, highest);
  const step = Math.ceil(top / MAX_COUNT_STEPS);
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, index) => index * step);
}

function formatTime(at: number): string {
  return new Date(at).toLocaleTimeString("en-GB");
}

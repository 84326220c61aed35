"use client";
/** The last minutes as this tab has seen them: observed values only, so it starts empty. */
import dynamic from "next/dynamic";
import { useEffect, useState } from "react";
import { appendSample, SAMPLE_INTERVAL_MS, type FleetSample } from "../../lib/samples";
import type { QueueStats, Worker } from "../../lib/views";
import { Panel } from "../ui/panel";
import { Skeleton } from "../ui/skeleton";
import { FLEET_SERIES } from "./fleet-series";
import { countMachines } from "./worker-status";

// The chart library is larger than the rest of the page; the page does not wait for it.
const FleetChartPlot = dynamic(() => import("./fleet-chart-plot").then((module) => module.FleetChartPlot), {
  ssr: false,
  loading: () => <Skeleton className="h-48 w-full" />,
});

export function FleetChart({ stats, workers }: { stats: QueueStats | undefined; workers: Worker[] | undefined }) {
  const samples = useObservedSamples(stats, workers);
  return (
    <Panel
      className="mt-4"
      title="Activity"
      hint="as seen by this tab"
      action={
        <ul className="flex gap-4 text-xs text-ink-soft">
          {FLEET_SERIES.map(({ key, name, color }) => (
            <li key={key} className="flex items-center gap-1.5">
              <span aria-hidden className="h-0.5 w-3.5 rounded-full" style={{ background: color }} />
              {name}
            </li>
          ))}
        </ul>
      }
    >
      <div className="h-52 px-2 pt-2 pb-3">
        <FleetChartPlot samples={samples} />
      </div>
    </Panel>
  );
}

function useObservedSamples(stats: QueueStats | undefined, workers: Worker[] | undefined): readonly FleetSample[] {
  const [samples, setSamples] = useState<readonly FleetSample[]>([]);
  useEffect(() => {
    if (stats === undefined || workers === undefined) return;
    const observe = () =>
      setSamples((seen) =>
        appendSample(seen, {
          at: Date.now(),
          queued: stats.queued,
          processing: stats.processing,
          machines: countMachines(workers),
        }),
      );
    observe();
    const timer = setInterval(observe, SAMPLE_INTERVAL_MS);
    return () => clearInterval(timer);
  }, [stats, workers]);
  return samples;
}

"use client";
/** Everything an operator watches, live, in the order in which one asks: is it well, how much, since when, which machines. */
import { useQuery } from "convex/react";
import { api } from "../../convex/_generated/api";
import { Button } from "../ui/button";
import { useSession } from "../session/session-provider";
import { FleetActions } from "./fleet-actions";
import { FleetChart } from "./fleet-chart";
import { HealthLine, HealthProblem } from "./health";
import { PolicyPanel } from "./policy-panel";
import { ProviderPanel } from "./provider-panel";
import { QueueTiles } from "./queue-tiles";
import { WorkerTable } from "./worker-table";

/** Live machines and the most recently stopped ones: a page, not an archive. */
const SHOWN_WORKERS = 50;

export function FleetDashboard() {
  const { setOperatorCode } = useSession();
  const stats = useQuery(api.agentFactory.queueStats, {});
  const workers = useQuery(api.agentFactory.listWorkers, { limit: SHOWN_WORKERS });
  const health = useQuery(api.agentFactory.poolHealth, {});
  return (
    <main className="min-h-0 flex-1 overflow-y-auto">
      <div className="mx-auto w-full max-w-6xl px-4 py-7 sm:px-5">
        <header className="flex flex-wrap items-end justify-between gap-4">
          <div>
            <h1 className="text-2xl font-semibold tracking-tight">Fleet</h1>
            <HealthLine health={health} />
          </div>
          <div className="flex flex-wrap items-center gap-2">
            <FleetActions />
            <Button weight="quiet" onClick={() => setOperatorCode(null)}>
              Leave
            </Button>
          </div>
        </header>
        <HealthProblem health={health} />
        <QueueTiles stats={stats} workers={workers} />
        <FleetChart stats={stats} workers={workers} />
        <WorkerTable workers={workers} stats={stats} />
        <div className="mt-4 grid gap-4 lg:grid-cols-2">
          <PolicyPanel />
          <ProviderPanel />
        </div>
      </div>
    </main>
  );
}

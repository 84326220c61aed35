/** Workers, and what happened to them, as an operator's page shows them. */
import type { WorkerView } from "../../shared/views.js";
import type { Doc } from "../_generated/dataModel.js";
import type { QueryCtx } from "../functions.js";
import { readLiveWorkers, readStoppedWorkers } from "../workers/fleet.js";

/** Live ones, oldest first, then the most recently stopped ones, `limit` in all. */
export async function listWorkerViews(ctx: QueryCtx, poolKey: string, limit: number): Promise<WorkerView[]> {
  const live = await readLiveWorkers(ctx, poolKey);
  live.sort((left, right) => left.worker.createdAt - right.worker.createdAt);
  const views = live.slice(0, limit).map(({ worker, load, heartbeatAt }) => workerView(worker, load, heartbeatAt));
  if (views.length >= limit) return views;
  const stopped = await readStoppedWorkers(ctx, limit - views.length);
  return [...views, ...stopped.map((worker) => workerView(worker, 0, null))];
}

function workerView(worker: Doc<"workers">, load: number, heartbeatAt: number | null): WorkerView {
  return {
    workerId: worker.workerId,
    status: worker.status,
    load,
    heartbeatAt: heartbeatAt ?? 0,
    machineId: worker.machineId ?? null,
    appName: worker.appName,
    machineName: worker.machineName,
    region: worker.region ?? null,
    generation: worker.generation,
    isolationKey: worker.scope === undefined ? null : `${worker.scope.kind}:${worker.scope.key}`,
    statusSince: worker.statusSince,
    statusReason: worker.statusReason,
    createdAt: worker.createdAt,
  };
}

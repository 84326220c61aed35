"use client";
/** Every machine that exists, and the last ones that did. */
import { formatAgo, formatDuration } from "../../lib/format";
import type { QueueStats, Worker } from "../../lib/views";
import { useNow } from "../ui/now";
import { Panel } from "../ui/panel";
import { Skeleton } from "../ui/skeleton";
import { StatusLabel } from "../ui/status-label";
import { isPassing, STATUS_TONES } from "./worker-status";

const COLUMNS = ["Machine", "Status", "For", "Region", "Load", "Heartbeat", "Serves"];

/** Workers say they are alive every few seconds; one silent for this long deserves a look. */
const LATE_HEARTBEAT_MS = 30_000;

export function WorkerTable({ workers, stats }: { workers: Worker[] | undefined; stats: QueueStats | undefined }) {
  const now = useNow();
  return (
    <Panel className="mt-4" title="Machines" hint="live ones first, then the last that stopped">
      {workers === undefined ? (
        <Skeleton className="mx-5 mt-3 mb-5 h-16" />
      ) : workers.length === 0 ? (
        <NoMachines isSomebodyWaiting={stats !== undefined && stats.queued > 0} />
      ) : (
        <div className="overflow-x-auto pb-2" tabIndex={0} role="region" aria-label="Table of machines">
          <table className="w-full min-w-3xl text-left text-[13px]">
            <thead>
              <tr className="text-xs text-ink-faint">
                {COLUMNS.map((column) => (
                  <th key={column} scope="col" className="px-3 py-2 font-medium first:pl-5 last:pr-5">
                    {column}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {workers.map((worker) => (
                <WorkerRow key={worker.workerId} worker={worker} now={now} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function NoMachines({ isSomebodyWaiting }: { isSomebodyWaiting: boolean }) {
  return (
    <div className="px-5 pt-6 pb-9 text-center">
      <p className="font-medium">No machine is running</p>
      <p className="mx-auto mt-1 max-w-md text-[13px] text-balance text-ink-soft">
        {isSomebodyWaiting
          ? "Messages are waiting; the next reconcile starts a machine for them, unless a problem is shown above."
          : "Nobody is waiting, so there is nothing to pay for. A message in the chat starts the first one."}
      </p>
    </div>
  );
}

function WorkerRow({ worker, now }: { worker: Worker; now: number }) {
  const isStopped = worker.status === "stopped";
  const isLate = worker.status === "active" && now - worker.heartbeatAt > LATE_HEARTBEAT_MS;
  return (
    <tr
      data-testid="worker"
      data-status={worker.status}
      className={`border-t border-line align-top *:px-3 *:py-3 *:first:pl-5 *:last:pr-5 ${isStopped ? "text-ink-faint" : ""}`}
    >
      <td>
        <p className="font-medium whitespace-nowrap">{worker.machineName ?? worker.workerId}</p>
        <p className="font-mono text-xs text-ink-faint">{worker.machineId ?? "not created yet"}</p>
      </td>
      <td className="max-w-64">
        <StatusLabel tone={STATUS_TONES[worker.status]} live={isPassing(worker.status)}>
          {worker.status}
        </StatusLabel>
        <p className="mt-1 text-xs wrap-anywhere text-ink-faint">{worker.statusReason}</p>
      </td>
      <td className="whitespace-nowrap tabular-nums">{formatDuration(now - worker.statusSince)}</td>
      <td>{worker.region ?? "–"}</td>
      <td className="tabular-nums">{worker.load}</td>
      <td className={`whitespace-nowrap tabular-nums ${isLate ? "text-bad" : ""}`}>
        {isStopped || worker.heartbeatAt === 0 ? "–" : formatAgo(worker.heartbeatAt, now)}
      </td>
      <td>
        <Scope isolationKey={worker.isolationKey} />
      </td>
    </tr>
  );
}

/** Ends of ids differ where their beginnings are the same. */
const SHOWN_ID_CHARACTERS = 14;

function Scope({ isolationKey }: { isolationKey: string | null }) {
  if (isolationKey === null) return <p className="text-ink-faint">nobody yet</p>;
  const [kind = "", ...rest] = isolationKey.split(":");
  const id = rest.join(":");
  return (
    <div title={isolationKey}>
      <p>{kind}</p>
      <p className="font-mono text-xs whitespace-nowrap text-ink-faint">
        {id.length > SHOWN_ID_CHARACTERS ? `…${id.slice(-SHOWN_ID_CHARACTERS)}` : id}
      </p>
    </div>
  );
}

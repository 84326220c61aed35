/** The fleet in six numbers. */
import { formatCount } from "../../lib/format";
import type { QueueStats, Worker } from "../../lib/views";
import { Skeleton } from "../ui/skeleton";
import { countMachines } from "./worker-status";

export function QueueTiles({ stats, workers }: { stats: QueueStats | undefined; workers: Worker[] | undefined }) {
  const machines = workers === undefined ? undefined : countMachines(workers);
  return (
    <dl className="mt-6 grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-6">
      <Tile name="Machines" value={machines} hint="that exist now" />
      <Tile name="Running" value={stats?.processing} hint="turns" />
      <Tile name="Ready" value={stats?.queuedReady} hint="could run now" />
      <Tile name="Queued" value={stats?.queued} hint="messages in all" />
      <Tile name="Answered" value={stats?.done} hint="since the start" />
      <Tile name="Dead letters" value={stats?.deadLetter} hint="gave up" isBadWhenPositive />
    </dl>
  );
}

function Tile({
  name,
  value,
  hint,
  isBadWhenPositive = false,
}: {
  name: string;
  value: number | undefined;
  hint: string;
  isBadWhenPositive?: boolean;
}) {
  const isBad = isBadWhenPositive && value !== undefined && value > 0;
  return (
    <div className="rounded-2xl border border-line bg-surface px-4 py-3.5">
      <dt className="text-xs font-medium text-ink-faint">{name}</dt>
      <dd className="mt-1">
        {value === undefined ? (
          <Skeleton className="h-8 w-10" />
        ) : (
          <span className={`text-2xl font-semibold tracking-tight tabular-nums ${isBad ? "text-bad" : ""}`}>
            {formatCount(value)}
          </span>
        )}
        <span className="block text-xs text-ink-faint">{hint}</span>
      </dd>
    </div>
  );
}

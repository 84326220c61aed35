"use client";
/** Beside the chat: the agent, and the workspace that is saved after every turn and outlives every machine. */
import { useQuery } from "convex/react";
import { api } from "../../convex/_generated/api";
import { formatAgo, formatBytes } from "../../lib/format";
import type { Snapshot } from "../../lib/views";
import { ArchiveIcon } from "../ui/icons";
import { useNow } from "../ui/now";
import { Skeleton } from "../ui/skeleton";
import { StatusLabel } from "../ui/status-label";
import type { Tone } from "../ui/tone";

const SHOWN_SNAPSHOTS = 6;

const AGENT_TONES: Record<string, Tone> = { active: "good", disabled: "bad", failed: "bad" };

export function WorkspacePanel({ consumerUserId, agentKey }: { consumerUserId: string; agentKey: string }) {
  const agents = useQuery(api.agentFactory.listUserAgents, { consumerUserId });
  const snapshots = useQuery(api.agentFactory.listSnapshotsForUserAgent, {
    consumerUserId,
    agentKey,
    limit: SHOWN_SNAPSHOTS,
  });
  const agent = agents?.find((candidate) => candidate.agentKey === agentKey);
  return (
    <aside
      aria-label="Your agent"
      className="hidden w-76 shrink-0 flex-col gap-7 overflow-y-auto border-l border-line px-5 py-6 lg:flex"
    >
      <section>
        <h2 className="text-xs font-medium text-ink-faint">Agent</h2>
        {agent === undefined ? (
          <Skeleton className="mt-2 h-5 w-32" />
        ) : (
          <div className="mt-2 flex items-center justify-between gap-3">
            <p className="truncate text-[15px] font-semibold">{agent.displayName ?? agent.agentKey}</p>
            <StatusLabel tone={AGENT_TONES[agent.status] ?? "wait"}>{agent.status}</StatusLabel>
          </div>
        )}
      </section>
      <section>
        <h2 className="text-xs font-medium text-ink-faint">Workspace</h2>
        <SnapshotList snapshots={snapshots} />
      </section>
    </aside>
  );
}

function SnapshotList({ snapshots }: { snapshots: Snapshot[] | undefined }) {
  const now = useNow();
  if (snapshots === undefined) return <Skeleton className="mt-2 h-12 w-full" />;
  if (snapshots.length === 0) {
    return (
      <p className="mt-2 text-[13px] text-ink-soft">
        Nothing saved yet. After each answer, the agent's files are kept here, and the next machine starts from them.
      </p>
    );
  }
  return (
    <ol className="mt-2 space-y-0.5">
      {snapshots.map((snapshot, index) => (
        <li
          key={snapshot.snapshotId}
          className={`flex items-center gap-3 rounded-xl px-3 py-2.5 text-[13px] ${index === 0 ? "bg-raised" : ""}`}
        >
          <ArchiveIcon className="size-4 text-ink-faint" />
          <div className="min-w-0 flex-1">
            <p className="truncate">
              {snapshot.status === "ready" ? `Saved ${formatAgo(snapshot.createdAt, now)}` : snapshot.status}
            </p>
            <p className="truncate font-mono text-xs text-ink-faint">
              {snapshot.sizeBytes === null ? "size unknown" : formatBytes(snapshot.sizeBytes)}
              {snapshot.sha256 !== null && ` · ${snapshot.sha256.slice(0, 8)}`}
            </p>
          </div>
          {index === 0 && <span className="text-xs text-ink-soft">newest</span>}
        </li>
      ))}
    </ol>
  );
}

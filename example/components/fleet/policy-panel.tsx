"use client";
/** The scaling policy as stored: how many machines there may be, and for how long. */
import { useQuery } from "convex/react";
import { api } from "../../convex/_generated/api";
import { formatExactDuration } from "../../lib/format";
import { Fact, Facts, Panel } from "../ui/panel";
import { Skeleton } from "../ui/skeleton";

export function PolicyPanel() {
  const policy = useQuery(api.agentFactory.getScalingPolicy, {});
  return (
    <Panel title="Scaling policy">
      {policy === undefined ? (
        <Skeleton className="mx-5 mt-3 mb-5 h-40" />
      ) : (
        <Facts>
          <Fact name="Machines">
            {policy.minWorkers} to {policy.maxWorkers}, {policy.warmWorkers} kept warm
          </Fact>
          <Fact name="Isolation">one {policy.isolation} per machine</Fact>
          <Fact name="Conversations at once">{policy.conversationsPerWorker}</Fact>
          <Fact name="Started per reconcile">at most {policy.spawnStep}</Fact>
          <Fact name="Idle until drained">{formatExactDuration(policy.idleTimeoutMs)}</Fact>
          <Fact name="Idle until suspended">{formatExactDuration(policy.suspendAfterMs)}</Fact>
          <Fact name="Suspended until retired">{formatExactDuration(policy.retireAfterMs)}</Fact>
          <Fact name="Time to boot">{formatExactDuration(policy.bootDeadlineMs)}</Fact>
          <Fact name="Time to drain">{formatExactDuration(policy.drainDeadlineMs)}</Fact>
          <Fact name="Reconciled at least every">{formatExactDuration(policy.reconcileIntervalMs)}</Fact>
        </Facts>
      )}
    </Panel>
  );
}

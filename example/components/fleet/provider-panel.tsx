"use client";
/** Where machines come from, as stored; without it no machine can start, so its absence says how to set it. */
import { useQuery } from "convex/react";
import { api } from "../../convex/_generated/api";
import type { ProviderConfig } from "../../lib/views";
import { Fact, Facts, Panel } from "../ui/panel";
import { Skeleton } from "../ui/skeleton";

const KINDS: Record<ProviderConfig["kind"], string> = {
  fly: "Fly Machines",
  local: "Machines API on this network",
};

export function ProviderPanel() {
  const config = useQuery(api.agentFactory.getProviderRuntimeConfig, {});
  return (
    <Panel title="Provider">
      {config === undefined ? (
        <Skeleton className="mx-5 mt-3 mb-5 h-40" />
      ) : config === null ? (
        <p className="px-5 pt-2 pb-5 text-[13px] text-ink-soft">
          No provider is configured, so messages wait. Call{" "}
          <code className="font-mono text-xs">setProviderRuntimeConfig</code> with the app, the image and the regions to
          start machines in.
        </p>
      ) : (
        <Facts>
          <Fact name="Kind">{KINDS[config.kind]}</Fact>
          <Fact name="App">{config.appName}</Fact>
          {config.organizationSlug !== undefined && <Fact name="Organization">{config.organizationSlug}</Fact>}
          <Fact name="Image">
            <span className="font-mono text-xs">{config.image}</span>
          </Fact>
          <Fact name="Regions">{config.regions.join(", ")}</Fact>
          {config.guest !== undefined && (
            <Fact name="Size">
              {config.guest.cpus} {config.guest.cpuKind} CPU, {config.guest.memoryMb} MB
            </Fact>
          )}
          <Fact name="Volume">
            {config.volume === undefined ? "none" : `${config.volume.sizeGb} GB at ${config.volume.path}`}
          </Fact>
        </Facts>
      )}
    </Panel>
  );
}

/** Writes the bodies of requests to Fly's Machines API. */
import type { MachineSpec, VolumeSpec } from "../provider.js";

export function machineRequest(spec: MachineSpec) {
  const { volume } = spec;
  return {
    name: spec.name,
    region: spec.region,
    config: {
      image: spec.image,
      env: spec.environment,
      metadata: spec.metadata,
      guest: guestRequest(spec.guest),
      ...(volume === undefined ? {} : { mounts: [{ volume: volume.volumeId, path: volume.path }] }),
      files: Object.entries(spec.files).map(([guest_path, content]) => ({ guest_path, raw_value: base64(content) })),
      // A machine that ends is done: the pool decides what follows, not the host.
      restart: { policy: "no" },
      stop_config: { signal: "SIGTERM", timeout: `${spec.stopTimeoutSeconds}s` },
    },
  };
}

export function volumeRequest({ name, region, sizeGb, guest }: VolumeSpec) {
  return {
    name,
    region,
    size_gb: sizeGb,
    compute: guestRequest(guest),
    // It lives as long as one machine, so no second one of its name has to be kept apart from it.
    require_unique_zone: false,
    // What must outlive the machine is in a snapshot of ours: another copy of it would only cost.
    auto_backup_enabled: false,
  };
}

/** What a machine's files hold, as it is and as it travels: a credential may be among it. */
export function fileContents({ files }: MachineSpec): string[] {
  return Object.values(files).flatMap((content) => [content, base64(content)]);
}

function guestRequest({ cpuKind, cpus, memoryMb }: MachineSpec["guest"]) {
  return { cpu_kind: cpuKind, cpus, memory_mb: memoryMb };
}

function base64(content: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(content)));
}

/** A volume as the emulator remembers it, and the JSON that the API shows of it. */
import { type JsonObject } from "./json.js";

export interface VolumeRecord {
  readonly app: string;
  readonly id: string;
  readonly name: string;
  readonly region: string;
  readonly zone: string;
  readonly hostId: string;
  readonly encrypted: boolean;
  readonly fstype: string;
  readonly createdAt: number;
  state: "created" | "pending_destroy";
  sizeGb: number;
  snapshotRetention: number;
  autoBackupEnabled: boolean;
  attachedMachineId?: string;
  /** When it became `pending_destroy`. */
  deletedAt?: number;
}

const BLOCK_BYTES = 4_096;
const BYTES_PER_GB = 1_073_741_824;

export function volumeView(volume: VolumeRecord): JsonObject {
  const blocks = Math.floor((volume.sizeGb * BYTES_PER_GB) / BLOCK_BYTES);
  return {
    id: volume.id,
    name: volume.name,
    state: volume.state,
    size_gb: volume.sizeGb,
    region: volume.region,
    zone: volume.zone,
    encrypted: volume.encrypted,
    attached_machine_id: volume.attachedMachineId ?? null,
    attached_alloc_id: null,
    created_at: new Date(volume.createdAt).toISOString(),
    blocks,
    block_size: BLOCK_BYTES,
    blocks_free: blocks,
    blocks_avail: blocks,
    bytes_used: 0,
    bytes_total: volume.sizeGb * BYTES_PER_GB,
    fstype: volume.fstype,
    snapshot_retention: volume.snapshotRetention,
    auto_backup_enabled: volume.autoBackupEnabled,
    host_status: "ok",
    host_dedication_key: "",
    type: "local",
  };
}

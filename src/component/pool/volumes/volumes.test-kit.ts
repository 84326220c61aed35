/** What tests about volumes share: a pool that has some, their rows, and snapshots that can or cannot be had back. */
import type { ProviderConfig } from "../../../shared/provider-config.js";
import { inComponent, type Harness } from "../../setup.test-kit.js";
import type { MachinesApi } from "../machines-api.test-kit.js";
import { PROVIDER } from "../pool.test-kit.js";
import { volumeName } from "./volumeNames.js";
import type { ApiVolume } from "./volumes-api.test-kit.js";

export const WITH_VOLUMES: ProviderConfig = { ...PROVIDER, volume: { name: "data", path: "/data", sizeGb: 10 } };

/** As the tests' environment says. */
export const OWNERSHIP = { deploymentUrl: "https://test.convex.cloud", poolKey: "default" };

/** Rows of volumes that are not known to be gone. */
export async function volumeRows(t: Harness) {
  return await inComponent(t, async (ctx) => await ctx.db.query("poolVolumes").collect());
}

/** A volume as a create would have left it whose row is long gone. */
export function addVolumeOf(api: MachinesApi, workerId: string, change: Partial<ApiVolume> = {}): ApiVolume {
  return api.shelf.add({ name: volumeName(OWNERSHIP, "data", workerId), ...change });
}

/** The conversation's current snapshot, made by that worker; its file is in the storage or not. */
export async function storeSnapshot(
  t: Harness,
  { workerId, conversationId, isStored }: { workerId: string; conversationId: string; isStored: boolean },
): Promise<void> {
  await inComponent(t, async (ctx) => {
    const storageId = await ctx.storage.store(new Blob(["files"]));
    const snapshotId = await ctx.db.insert("snapshots", {
      conversationId,
      workerId,
      agentKey: "a",
      generation: 1,
      reason: "checkpoint",
      status: "ready",
      storageId,
      sizeBytes: 5,
      createdAt: Date.now(),
    });
    await ctx.db.insert("currentSnapshots", { conversationId, snapshotId, generation: 1, committedAt: Date.now() });
    if (!isStored) await ctx.storage.delete(storageId);
  });
}

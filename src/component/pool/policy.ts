/** Reads and stores what a pool is told: provider config and scaling policy; the only writer of `pools`. */
import { agentFactoryError } from "../../shared/errors.js";
import { DEFAULT_SCALING_POLICY, type ProviderConfig, type ScalingPolicy } from "../../shared/provider-config.js";
import type { MutationCtx, QueryCtx } from "../functions.js";
import { requireIdentifier, requireIntegerBetween } from "../validation.js";
import { VOLUME_NAME_PREFIX } from "./volumes/volumeNames.js";

const MAX_WORKERS = 1_000;
const MAX_CONVERSATIONS_PER_WORKER = 64;
const MAX_REGIONS = 16;
const MAX_ENVIRONMENT_ENTRIES = 64;
const HOUR_MS = 60 * 60_000;
/** Fly's rule for app names; also keeps a name from changing the path it is put into. */
const APP_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** Regions are concrete: aliases such as `any` give a machine a place that no volume can follow. */
const REGION = /^[a-z]{3,4}$/;
/** Fly's largest volume. */
const MAX_VOLUME_GB = 500;
const MAX_PATH_CHARACTERS = 200;
/** A volume that is mounted there hides what the image and its system have there. */
const SYSTEM_FOLDERS = new Set("app bin boot dev etc lib lib64 opt proc run sbin sys tmp usr".split(" "));

export async function findPool(ctx: QueryCtx, poolKey: string) {
  return await ctx.db
    .query("pools")
    .withIndex("by_pool", (range) => range.eq("poolKey", poolKey))
    .unique();
}

export async function readPolicy(ctx: QueryCtx, poolKey: string): Promise<ScalingPolicy> {
  return (await findPool(ctx, poolKey))?.scalingPolicy ?? DEFAULT_SCALING_POLICY;
}

/** @throws `invalid_argument` */
export async function saveProviderConfig(ctx: MutationCtx, poolKey: string, config: ProviderConfig): Promise<void> {
  if (!APP_NAME.test(config.appName)) {
    throw invalid("providerConfig.appName", "must be a Fly app name: lower-case letters, digits and hyphens.");
  }
  requireIdentifier("providerConfig.image", config.image);
  requireIntegerBetween("providerConfig.regions.length", config.regions.length, 1, MAX_REGIONS);
  const region = config.regions.find((name) => !REGION.test(name) || name === "any");
  if (region !== undefined) throw invalid("providerConfig.regions", `"${region}" is not a region such as "fra".`);
  if (config.volume !== undefined) requireVolume(config.volume);
  if (Object.keys(config.environment ?? {}).length > MAX_ENVIRONMENT_ENTRIES) {
    throw invalid("providerConfig.environment", `has more than ${MAX_ENVIRONMENT_ENTRIES} entries.`);
  }
  if (config.guest !== undefined) {
    requireIntegerBetween("providerConfig.guest.cpus", config.guest.cpus, 1, 16);
    requireIntegerBetween("providerConfig.guest.memoryMb", config.guest.memoryMb, 256, 128 * 1024);
  }
  await save(ctx, poolKey, { providerConfig: config });
}

function requireVolume({ name, path, sizeGb }: NonNullable<ProviderConfig["volume"]>): void {
  if (!VOLUME_NAME_PREFIX.test(name)) {
    throw invalid(
      "providerConfig.volume.name",
      "must begin with a letter and have at most 9 lower-case letters, digits and underscores: each worker's volume is named after it.",
    );
  }
  const [, folder = "", ...below] = path.split("/");
  const isPlain = [folder, ...below].every((part) => /^[A-Za-z0-9._-]+$/.test(part) && !/^\.+$/.test(part));
  if (!path.startsWith("/") || path.length > MAX_PATH_CHARACTERS || !isPlain || SYSTEM_FOLDERS.has(folder)) {
    throw invalid(
      "providerConfig.volume.path",
      "must be an absolute path such as /data, and must not hide a folder that the image needs.",
    );
  }
  requireIntegerBetween("providerConfig.volume.sizeGb", sizeGb, 1, MAX_VOLUME_GB);
}

/** Fields that are left out keep their value. @throws `invalid_argument` */
export async function savePolicy(ctx: MutationCtx, poolKey: string, change: Partial<ScalingPolicy>): Promise<void> {
  const policy = { ...(await readPolicy(ctx, poolKey)), ...change };
  const bounds: [keyof ScalingPolicy, number, number][] = [
    ["minWorkers", 0, MAX_WORKERS],
    ["maxWorkers", 0, MAX_WORKERS],
    ["warmWorkers", 0, MAX_WORKERS],
    ["conversationsPerWorker", 1, MAX_CONVERSATIONS_PER_WORKER],
    ["spawnStep", 1, MAX_WORKERS],
    ["idleTimeoutMs", 1_000, 24 * HOUR_MS],
    ["suspendAfterMs", 1_000, 24 * HOUR_MS],
    ["retireAfterMs", 1_000, 30 * 24 * HOUR_MS],
    ["bootDeadlineMs", 10_000, HOUR_MS],
    ["drainDeadlineMs", 1_000, HOUR_MS],
    ["reconcileIntervalMs", 5_000, HOUR_MS],
    ["leaseDurationMs", 3_000, 10 * 60_000],
    ["runTimeoutMs", 1_000, 6 * HOUR_MS],
  ];
  for (const [name, min, max] of bounds) requireIntegerBetween(`scalingPolicy.${name}`, Number(policy[name]), min, max);
  if (policy.minWorkers > policy.maxWorkers) {
    throw invalid("scalingPolicy.minWorkers", "is larger than scalingPolicy.maxWorkers.");
  }
  await save(ctx, poolKey, { scalingPolicy: policy });
}

async function save(
  ctx: MutationCtx,
  poolKey: string,
  change: { providerConfig?: ProviderConfig; scalingPolicy?: ScalingPolicy },
): Promise<void> {
  const existing = await findPool(ctx, poolKey);
  const row = { ...change, updatedAt: Date.now() };
  if (existing === null) await ctx.db.insert("pools", { poolKey, scalingPolicy: DEFAULT_SCALING_POLICY, ...row });
  else await ctx.db.patch("pools", existing._id, row);
}

function invalid(argument: string, problem: string) {
  return agentFactoryError("invalid_argument", `${argument} ${problem}`, { argument });
}

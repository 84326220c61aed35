/** The volumes of the small Machines API in memory: as Fly keeps them, on the test's clock. */

export type ApiVolume = {
  id: string;
  app: string;
  name: string;
  region: string;
  sizeGb: number;
  createdAt: number;
  /** When its end was asked for; it is `pending_destroy` from then on, and some time later forgotten. */
  deletedAt: number;
};

/** What is known of a machine that may mount one. */
type Mounting = { id: string; config: Record<string, unknown>; createdAt: number; destroyedAt: number };
type Answer = { status: number; body: unknown };

const FORGOTTEN_AFTER_MS = 24 * 60 * 60_000;

export class VolumeShelf {
  readonly volumes = new Map<string, ApiVolume>();
  private counter = 0;

  constructor(private readonly machines: ReadonlyMap<string, Mounting>) {}

  add(change: Partial<ApiVolume> & { name: string }): ApiVolume {
    const id = `vol_${++this.counter}`;
    const made = { id, app: "app", region: "fra", sizeGb: 1, createdAt: Date.now(), deletedAt: Infinity, ...change };
    this.volumes.set(made.id, made);
    return made;
  }

  /** Those that cost money. */
  live(): ApiVolume[] {
    return [...this.volumes.values()].filter(({ deletedAt }) => deletedAt === Infinity);
  }

  /** The machine that mounts it: until it is destroyed, whatever its state. */
  holderOf({ id }: ApiVolume, at = Date.now()): string | null {
    const isHolder = (machine: Mounting) =>
      mountOf(machine.config) === id && machine.createdAt <= at && at < machine.destroyedAt;
    return [...this.machines.values()].find(isHolder)?.id ?? null;
  }

  /** Why a machine with this configuration cannot be made in the region; `null` when it can. */
  refusal(app: string, region: string, config: Record<string, unknown>): Answer | null {
    const id = mountOf(config);
    if (id === null) return null;
    const volume = this.find(app, id);
    if (volume === undefined) return refused(404, `volume ${id} not found`);
    if (volume.deletedAt !== Infinity) return refused(400, `volume ${id} is being destroyed`);
    const holder = this.holderOf(volume);
    if (holder !== null) return refused(409, `volume ${id} already attached to machine ${holder}`);
    return volume.region === region ? null : refused(400, `volume ${id} is in region ${volume.region}`);
  }

  list(app: string, at: number): Record<string, unknown>[] {
    return [...this.volumes.values()]
      .filter((volume) => volume.app === app && volume.createdAt <= at && !isForgotten(volume, at))
      .map((volume) => this.view(volume, at));
  }

  create(app: string, body: Record<string, unknown>): Answer {
    const { name, region, size_gb: sizeGb } = body;
    if (typeof name !== "string" || !/^[a-z0-9_]{1,30}$/.test(name)) return refused(400, "invalid_argument: name");
    const volume = this.add({ app, name, region: String(region), sizeGb: Number(sizeGb) });
    return { status: 200, body: this.view(volume, Date.now()) };
  }

  get(app: string, id: string, at: number): Answer {
    const volume = this.find(app, id);
    if (volume === undefined || volume.createdAt > at) return refused(404, "volume not found");
    return { status: 200, body: this.view(volume, at) };
  }

  delete(app: string, id: string): Answer {
    const volume = this.find(app, id);
    if (volume === undefined) return refused(404, "volume not found");
    const holder = this.holderOf(volume);
    if (holder !== null) return refused(412, `volume ${id} is attached to machine ${holder}`);
    volume.deletedAt = Math.min(volume.deletedAt, Date.now());
    return { status: 200, body: this.view(volume, Date.now()) };
  }

  private find(app: string, id: string): ApiVolume | undefined {
    const volume = this.volumes.get(id);
    return volume?.app === app && !isForgotten(volume, Date.now()) ? volume : undefined;
  }

  private view(volume: ApiVolume, at: number): Record<string, unknown> {
    const { id, name, region, sizeGb, createdAt, deletedAt } = volume;
    return {
      id,
      name,
      region,
      size_gb: sizeGb,
      state: at >= deletedAt ? "pending_destroy" : "created",
      attached_machine_id: this.holderOf(volume, at),
      created_at: new Date(createdAt).toISOString(),
    };
  }
}

function isForgotten({ deletedAt }: ApiVolume, at: number): boolean {
  return at >= deletedAt + FORGOTTEN_AFTER_MS;
}

function mountOf(config: Record<string, unknown>): string | null {
  const mounts = config["mounts"];
  const mount: unknown = Array.isArray(mounts) ? mounts[0] : undefined;
  return typeof mount === "object" && mount !== null && "volume" in mount ? String(mount.volume) : null;
}

function refused(status: number, error: string): Answer {
  return { status, body: { error, status: "unknown" } };
}

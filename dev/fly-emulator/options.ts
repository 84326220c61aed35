/** What an emulator can be told, and what it does when it is not told: Fly's published behavior, sped up. */

/** Milliseconds, or a range from which each occurrence draws. */
export type Latency = number | readonly [from: number, to: number];

/** How long each asynchronous step takes. */
export interface Latencies {
  /** `created` to `starting`: placing the machine and pulling its image. */
  readonly create: Latency;
  /** `starting` to `started`, for a cold boot. */
  readonly start: Latency;
  /** `starting` to `started`, from suspend. */
  readonly resume: Latency;
  readonly suspend: Latency;
  /** `destroying` to `destroyed`. */
  readonly destroy: Latency;
  /** Pause before the first restart by policy; doubles with each further one, up to 64 times. */
  readonly restart: Latency;
}

/** One command that stands for an image; the machine's process is exactly this, in the machine's own root directory. */
export interface MachineImage {
  readonly command: string;
  readonly args: readonly string[];
  /** Like ENV in a Dockerfile; the machine's `config.env` wins. */
  readonly env?: Readonly<Record<string, string>>;
  /** Each of these variables is set to a port that was free, because machines on one host share their ports. */
  readonly freePortEnvironmentNames?: readonly string[];
  /** Size of the root file system for the bill, in GB. Default 1. */
  readonly rootfsGb?: number;
}

export interface HostOptions {
  readonly id: string;
  readonly region: string;
  readonly zone: string;
  readonly memoryMb: number;
  readonly volumeGb: number;
}

/** A token bucket per action and machine (or app, for create and list). */
export interface RateLimits {
  readonly perSecond: number;
  readonly burst: number;
  readonly getPerSecond: number;
  readonly getBurst: number;
  /** Whether a 429 says how long to wait. Fly does not document that it does. */
  readonly retryAfterHeader: boolean;
}

export interface Paging {
  /** Rows looked at per page when the request gives no `limit`; 1 to 1000. */
  readonly maxPageSize: number;
  /** Looks at fewer rows than asked, sometimes none, and filters only afterwards: pages may be short or empty. */
  readonly shortPages: boolean;
}

export interface FlyEmulatorOptions {
  /** What a machine's image reference runs. A key matches exactly, or as the longest prefix. */
  readonly images: Readonly<Record<string, MachineImage>>;
  /** Port on loopback. Default 0: any free one. */
  readonly port?: number;
  /** The bearer token. Default: a random one. */
  readonly token?: string;
  /** Apps that exist; any other answers 404. Default: every name is an app. */
  readonly apps?: readonly string[];
  /** Where machines and volumes live. Default: a temporary directory, removed on close. */
  readonly dataDirectory?: string;
  /** Keep machines and volumes over a restart of the emulator (machines come back stopped). Default false. */
  readonly persist?: boolean;
  /** Default: two roomy hosts in each of a few regions. */
  readonly hosts?: readonly HostOptions[];
  /** Where a machine without a region goes. Default: the first host's region. */
  readonly defaultRegion?: string;
  readonly latencies?: Partial<Latencies>;
  /** `false` turns them off. */
  readonly rateLimits?: Partial<RateLimits> | false;
  readonly paging?: Partial<Paging>;
  /** Fly's answer for a lease has been seen in both shapes. Default `data`. */
  readonly leaseBody?: "data" | "flat";
  /** For everything that is left to chance. Default 1. */
  readonly seed?: number;
  /** How long a destroyed machine still answers 200, in ms. Default 60,000. */
  readonly destroyedVisibleMs?: number;
  /** How long a deleted volume stays `pending_destroy`, in ms. Default 24 hours. */
  readonly pendingDestroyMs?: number;
  /** Bytes of output kept per machine. Default 256 KiB. */
  readonly logBytes?: number;
  /** Requests kept by the recorder. Default 5,000. */
  readonly recordedRequests?: number;
  /** Clock for the bill, leases and time stamps, in ms. Default `Date.now`. */
  readonly now?: () => number;
}

const DEFAULT_REGIONS = ["iad", "ord", "fra", "ams", "lhr"] as const;
/** Room for some hundred small machines per host, so that capacity is met only by who asks for it. */
const DEFAULT_HOST = { memoryMb: 131_072, volumeGb: 4_096 } as const;

export const DEFAULT_HOSTS: readonly HostOptions[] = DEFAULT_REGIONS.flatMap((region) =>
  ["a", "b"].map((letter) => ({ id: `host-${region}-${letter}`, region, zone: `${region}${letter}`, ...DEFAULT_HOST })),
);

/** Long enough that a client sees each transient state, short enough for tests to be quick. */
export const DEFAULT_LATENCIES: Latencies = {
  create: 300,
  start: 200,
  resume: 100,
  suspend: 150,
  destroy: 150,
  restart: 500,
};

/** https://fly.io/docs/machines/api/working-with-machines-api/#rate-limits */
export const DEFAULT_RATE_LIMITS: RateLimits = {
  perSecond: 1,
  burst: 3,
  getPerSecond: 5,
  getBurst: 10,
  retryAfterHeader: false,
};

export const DEFAULT_PAGING: Paging = { maxPageSize: 1_000, shortPages: false };
export const DEFAULT_DESTROYED_VISIBLE_MS = 60_000;
export const DEFAULT_PENDING_DESTROY_MS = 24 * 3_600_000;
export const DEFAULT_LOG_BYTES = 262_144;
export const DEFAULT_RECORDED_REQUESTS = 5_000;

/** The image for a reference: the exact key, else the longest key that the reference starts with. */
export function findImage(images: FlyEmulatorOptions["images"], reference: string): MachineImage | undefined {
  const exact = images[reference];
  if (exact !== undefined) return exact;
  const [longest] = Object.keys(images)
    .filter((key) => reference.startsWith(key))
    .sort((a, b) => b.length - a.length);
  return longest === undefined ? undefined : images[longest];
}

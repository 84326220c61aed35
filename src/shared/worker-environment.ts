/** The names under which a machine's environment and files tell a worker who it is; the pool writes them, the worker image reads them. */

/** None of these values is a secret: a provider's API returns a machine's environment to whoever may list machines. */
export const WORKER_ENVIRONMENT = {
  /** The deployment's URL (`https://....convex.cloud`). */
  convexUrl: "AGENT_FACTORY_CONVEX_URL",
  /** The app's module with the functions `exposeApi` returned, e.g. `agentFactory`. */
  functionsModule: "AGENT_FACTORY_FUNCTIONS_MODULE",
  workerId: "AGENT_FACTORY_WORKER_ID",
  /** Where the one-time enrollment credential lies; the worker deletes the file once it has enrolled. */
  enrollmentFile: "AGENT_FACTORY_ENROLLMENT_FILE",
  /** Workspaces and the worker's own state; the only folder besides the temporary one that it writes to. Default `/data`. */
  dataDirectory: "AGENT_FACTORY_DATA_DIR",
  /** `echo` (default), later `chat` and `openclaw`. */
  runtime: "AGENT_FACTORY_RUNTIME",
  /** The skills that came with the image, one folder each. Default `/app/skills`. */
  skillsDirectory: "AGENT_FACTORY_SKILLS_DIR",
  /** Port of the health endpoint, default 8080. */
  healthPort: "AGENT_FACTORY_HEALTH_PORT",
  logLevel: "AGENT_FACTORY_LOG_LEVEL",
  /** Where a machine that shares its host's file system finds its own root; every absolute path above is below it. Default `/`. */
  guestRoot: "AGENT_FACTORY_GUEST_ROOT",
} as const;

export const DEFAULT_ENROLLMENT_FILE = "/run/agent-factory/enrollment-credential";
export const DEFAULT_DATA_DIRECTORY = "/data";
export const DEFAULT_SKILLS_DIRECTORY = "/app/skills";
export const DEFAULT_FUNCTIONS_MODULE = "agentFactory";

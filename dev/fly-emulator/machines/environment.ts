/** The environment of a machine's process: what Fly sets, what the image and the config say, and nothing of the host's. */
import { createServer } from "node:net";
import { join } from "node:path";
import { WORKER_ENVIRONMENT } from "../../../src/shared/worker-environment.js";
import { type MachineRecord } from "../model/machine.js";
import { type MachineImage } from "../options.js";

/** Programs are found where they are found on this computer: an image's own are not there. */
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

export function machineEnvironment(
  machine: MachineRecord,
  image: MachineImage,
  root: string,
  ports: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: process.env.PATH ?? DEFAULT_PATH,
    HOME: join(root, "root"),
    TMPDIR: join(root, "tmp"),
    ...image.env,
    ...machine.configuration.env,
    ...ports,
    FLY_APP_NAME: machine.app,
    FLY_MACHINE_ID: machine.id,
    FLY_ALLOC_ID: machine.id,
    FLY_REGION: machine.region,
    // The API shows an address of Fly's private network; what a process here can really bind to is this one.
    FLY_PRIVATE_IP: "127.0.0.1",
    FLY_IMAGE_REF: machine.configuration.image,
    FLY_MACHINE_VERSION: machine.instanceId,
    FLY_VM_MEMORY_MB: String(machine.configuration.guest.memoryMb),
    [WORKER_ENVIRONMENT.guestRoot]: root,
  };
}

/** The variable by which a machine's processes are told from all others. */
export const environmentMarker = (root: string): string => `${WORKER_ENVIRONMENT.guestRoot}=${root}`;

/** A port that was free a moment ago; `taken` keeps two machines that boot together from getting the same. */
export async function freePort(taken: Set<number>): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const port = await new Promise<number>((resolve, reject) => {
      const server = createServer();
      server.once("error", reject);
      server.listen(0, "127.0.0.1", () => {
        const address = server.address();
        server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
      });
    });
    if (port === 0 || taken.has(port)) continue;
    taken.add(port);
    return port;
  }
  throw new Error("No free port was found in 20 attempts. Close some programs that listen on this computer.");
}

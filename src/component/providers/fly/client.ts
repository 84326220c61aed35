/**
 * The Fly Machines API behind the provider interface: fetch within Fly's rates and with time-outs, typed errors, and nothing
 * retried behind the caller's back.
 */
import { shorten } from "../../../shared/text.js";
import { ProviderError } from "../provider.js";
import type { ObservedMachine, Provider } from "../provider.js";
import { parseJson, readList, unreadable, UNANSWERED, withoutSecrets, type Answer } from "./answers.js";
import { TokenBuckets } from "./rates.js";
import { fileContents, machineRequest, volumeRequest } from "./requests.js";
import { classifyError, readError, readMachine, readRetryAfter, readTakenBy, readVolume } from "./responses.js";

export const FLY_API_URL = "https://api.machines.dev/v1";

/** Creating waits for Fly to place the machine, which takes seconds: one that takes longer may still succeed, and is looked for. */
const CREATE_TIMEOUT_MS = 30_000;
const CALL_TIMEOUT_MS = 15_000;
/** Added to the time Fly itself waits, so that its answer arrives before we give up. */
const WAIT_MARGIN_MS = 5_000;
/** An error is a sentence, not a page. */
const MAX_MESSAGE_CHARACTERS = 300;
const PAGE_SIZE = 1_000;
/** Far more than the machines of one Fly app need, also if some pages are short or empty. */
const MAX_PAGES = 20;

export type FlyClientOptions = {
  baseUrl: string;
  appName: string;
  token: string;
  /** Asked before each call that counts for the app as a whole: ms to wait. Without it, this client keeps the rates on its own. */
  reserve?: (action: string) => Promise<number>;
};

type Call = {
  /** What is done, and to what: rates are counted by it. */
  action: string;
  about?: string;
  method: "GET" | "POST" | "DELETE";
  path: string;
  query?: Record<string, string>;
  body?: unknown;
  /** What of the body nobody is to see. */
  secrets?: string[];
  timeoutMs?: number;
};

export function flyProvider({ baseUrl, appName, token, reserve }: FlyClientOptions): Provider {
  const app = `/apps/${encodeURIComponent(appName)}`;
  const buckets = new TokenBuckets();
  const machinePath = (machineId: string) => `${app}/machines/${encodeURIComponent(machineId)}`;

  async function call({ action, about = app, ...request }: Call): Promise<Answer> {
    const { method, path, query, body, secrets = [], timeoutMs = CALL_TIMEOUT_MS } = request;
    const isShared = about === app && action !== "list_page";
    const waitMs = isShared && reserve !== undefined ? await reserve(action) : buckets.take(action, about, Date.now());
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const mutates = method !== "GET";
    const url = new URL(baseUrl.replace(/\/$/, "") + path);
    for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), timeoutMs);
    try {
      const response = await fetch(url, {
        method,
        headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: abort.signal,
      });
      // The body belongs under the time-out too: a server may send headers and then fall silent.
      const answer = { status: response.status, headers: response.headers, body: parseJson(await response.text()) };
      if (response.ok) return answer;
      throw refusal(`${method} ${path}`, answer, { mutates, secrets: [token, ...secrets] });
    } catch (error) {
      if (error instanceof ProviderError) throw error;
      throw new ProviderError(
        mutates ? "ambiguous" : "busy",
        `${method} ${path} got no answer within ${timeoutMs} ms, or the connection broke.`,
        UNANSWERED,
      );
    } finally {
      clearTimeout(timer);
    }
  }

  function refusal(
    what: string,
    { status, headers, body }: Answer,
    { mutates, secrets }: { mutates: boolean; secrets: string[] },
  ): ProviderError {
    const message = shorten(withoutSecrets(readError(body).message, secrets), MAX_MESSAGE_CHARACTERS);
    const machineId = readTakenBy(message);
    const retryAfterMs = readRetryAfter(headers.get("retry-after"));
    return new ProviderError(
      classifyError(status, body, mutates),
      `${what} was answered ${status}${message === "" ? "" : `: ${message}`}`,
      {
        status,
        requestId: headers.get("fly-request-id"),
        ...(machineId === null ? {} : { machineId }),
        ...(retryAfterMs === null ? {} : { retryAfterMs }),
      },
    );
  }

  /** Runs `attempt`, and takes "no such machine" for the answer `whenMissing`. */
  async function unlessMissing<T>(attempt: () => Promise<T>, whenMissing: T): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof ProviderError && error.kind === "not_found") return whenMissing;
      throw error;
    }
  }

  return {
    async listMachines(metadata) {
      const filters = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`metadata.${key}`, value]));
      const machines: ObservedMachine[] = [];
      let cursor: string | null = null;
      for (let page = 0; page < MAX_PAGES; page++) {
        const answer: Answer = await call({
          action: cursor === null ? "list" : "list_page",
          method: "GET",
          path: `${app}/machines`,
          query: { ...filters, limit: String(PAGE_SIZE), ...(cursor === null ? {} : { cursor }) },
        });
        machines.push(...readList(answer, readMachine));
        // A page may be short or even empty while more remain: only the header says that it was the last.
        cursor = answer.headers.get("fly-next-cursor");
        if (cursor === null || cursor === "") return machines;
      }
      throw new ProviderError("rejected", `The app has more than ${MAX_PAGES * PAGE_SIZE} machines.`, UNANSWERED);
    },

    async createMachine(spec) {
      const answer = await call({
        action: "create",
        method: "POST",
        path: `${app}/machines`,
        body: machineRequest(spec),
        secrets: fileContents(spec),
        timeoutMs: CREATE_TIMEOUT_MS,
      });
      const machine = readMachine(answer.body);
      if (machine !== null) return machine;
      throw unreadable("ambiguous", answer);
    },

    async getMachine(machineId) {
      const machine = await unlessMissing(async () => {
        const answer = await call({ action: "get", about: machineId, method: "GET", path: machinePath(machineId) });
        const read = readMachine(answer.body);
        // Taking what cannot be read for "there is none" would leave a machine behind.
        if (read === null) throw unreadable("busy", answer);
        return read;
      }, null);
      // A destroyed machine answers 200 for a while and 404 later; both mean the same.
      return machine?.state === "gone" ? null : machine;
    },

    async stopMachine(machineId, { timeoutSeconds }) {
      const body = { signal: "SIGTERM", timeout: `${timeoutSeconds}s` };
      await unlessMissing(async () => {
        await call({ action: "stop", about: machineId, method: "POST", path: `${machinePath(machineId)}/stop`, body });
      }, undefined);
    },

    async suspendMachine(machineId) {
      await call({ action: "suspend", about: machineId, method: "POST", path: `${machinePath(machineId)}/suspend` });
    },

    async startMachine(machineId) {
      await call({ action: "start", about: machineId, method: "POST", path: `${machinePath(machineId)}/start` });
    },

    async waitUntilStopped(machineId, timeoutSeconds) {
      try {
        await call({
          action: "wait",
          about: machineId,
          method: "GET",
          path: `${machinePath(machineId)}/wait`,
          query: { state: "stopped", timeout: String(timeoutSeconds) },
          timeoutMs: timeoutSeconds * 1_000 + WAIT_MARGIN_MS,
        });
        return true;
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        return error.kind === "not_found";
      }
    },

    async destroyMachine(machineId) {
      await unlessMissing(async () => {
        const path = machinePath(machineId);
        await call({ action: "destroy", about: machineId, method: "DELETE", path, query: { force: "true" } });
      }, undefined);
    },

    async createVolume(spec) {
      const answer = await call({
        action: "create_volume",
        method: "POST",
        path: `${app}/volumes`,
        body: volumeRequest(spec),
        timeoutMs: CREATE_TIMEOUT_MS,
      });
      const volume = readVolume(answer.body);
      // Something was answered with success: most likely there is one now.
      if (volume === null) throw unreadable("ambiguous", answer);
      return volume;
    },

    async getVolume(volumeId) {
      return await unlessMissing(async () => {
        const path = `${app}/volumes/${encodeURIComponent(volumeId)}`;
        const answer = await call({ action: "get_volume", about: volumeId, method: "GET", path });
        const volume = readVolume(answer.body);
        if (volume === null) throw unreadable("busy", answer);
        return volume;
      }, null);
    },

    async listVolumes() {
      return readList(await call({ action: "list_volumes", method: "GET", path: `${app}/volumes` }), readVolume);
    },

    async deleteVolume(volumeId) {
      try {
        const path = `${app}/volumes/${encodeURIComponent(volumeId)}`;
        const answer = await call({ action: "delete_volume", about: volumeId, method: "DELETE", path });
        return { status: answer.status, message: "deleted" };
      } catch (error) {
        if (error instanceof ProviderError && error.details.status !== 0) {
          return { status: error.details.status, message: error.message };
        }
        throw error;
      }
    },
  };
}

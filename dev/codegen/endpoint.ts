/**
 * A deployment as far as `convex codegen` needs one: answers on the loopback interface only, to whoever knows the
 * random admin key only, because answering means to run uploaded code.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { brotliDecompress } from "node:zlib";
import { z } from "zod";
import { analyzePush } from "./analyze-push.js";
import { vStartPushRequest } from "./push-request.js";

/** Convex refuses pushes of more than 64 MiB of compressed code; anything larger is no push. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** Source maps unpack to several times the size of the code. */
const MAX_UNPACKED_BYTES = 512 * 1024 * 1024;

const decompress = promisify(brotliDecompress);

export interface CodegenEndpoint {
  url: string;
  adminKey: string;
  /** Why the last push could not be analyzed, or null. */
  lastError(): string | null;
  close(): Promise<void>;
}

/** Starts the endpoint on a free port. The caller must close it. */
export async function startCodegenEndpoint(): Promise<CodegenEndpoint> {
  const adminKey = randomBytes(32).toString("hex");
  let lastError: string | null = null;
  const server = createServer((request, response) => {
    answer(request, adminKey).then(
      (body) => respond(response, 200, body),
      (error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        lastError = message;
        const status = error instanceof RequestError ? error.status : 400;
        respond(response, status, { code: "CodegenFailed", message });
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    url: `http://127.0.0.1:${portOf(server.address())}`,
    adminKey,
    lastError: () => lastError,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

async function answer(request: IncomingMessage, adminKey: string): Promise<object> {
  if (!sameSecret(request.headers.authorization ?? "", `Convex ${adminKey}`)) {
    throw new RequestError(403, "The admin key is wrong.");
  }
  switch (`${request.method} ${request.url}`) {
    case "POST /api/get_config_hashes":
      // Nothing was pushed before, so everything is new.
      return { config: { functions: "convex/" }, moduleHashes: [], nodeDependencies: [], udfServerVersion: null };
    case "POST /api/deploy2/start_push": {
      const parsed = vStartPushRequest.safeParse(JSON.parse(await readBody(request)));
      if (!parsed.success) {
        throw new Error(`This version of convex pushes in an unknown form: ${z.prettifyError(parsed.error)}`);
      }
      return await analyzePush(parsed.data);
    }
    default:
      throw new RequestError(404, `Code generation does not need ${request.method} ${request.url}.`);
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new RequestError(413, `The push is larger than ${MAX_BODY_BYTES} bytes.`);
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  if (request.headers["content-encoding"] !== "br") return body.toString("utf8");
  return (await decompress(body, { maxOutputLength: MAX_UNPACKED_BYTES })).toString("utf8");
}

function respond(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

function sameSecret(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function portOf(address: string | AddressInfo | null): number {
  if (address === null || typeof address === "string") throw new Error("The endpoint did not get a port.");
  return address.port;
}

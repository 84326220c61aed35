/** The HTTP server on loopback: reads requests, writes answers, and drops connections when told to. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type Answer, type ApiPipeline } from "./pipeline.js";

/** Larger than any request of a real client: configs carry small files. */
const MAX_BODY_BYTES = 4_194_304;
const HOST = "127.0.0.1";

export class ApiServer {
  private readonly closing = new AbortController();
  private readonly server: Server;

  constructor(private readonly pipeline: ApiPipeline) {
    this.server = createServer((request, response) => {
      void this.serve(request, response);
    });
  }

  /** Returns the base URL, which ends in `/v1`. Rejects when the port is taken. */
  async listen(port: number): Promise<string> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(port, HOST, () => {
        this.server.off("error", reject);
        resolve();
      });
    });
    const address = this.server.address();
    if (address === null || typeof address === "string") throw new Error("The emulator listens on no port.");
    return `http://${HOST}:${address.port}/v1`;
  }

  async close(): Promise<void> {
    this.closing.abort();
    if (!this.server.listening) return;
    await new Promise<void>((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    const body = await readBody(request);
    if (body === undefined) {
      response.writeHead(413).end();
      return;
    }
    const answer = await this.pipeline.handle({
      method: request.method ?? "GET",
      url: request.url ?? "/",
      headers: flatHeaders(request),
      body,
      signal: AbortSignal.any([gone.signal, this.closing.signal]),
    });
    if (answer === undefined) request.socket.destroy();
    else write(response, answer);
  }
}

function write(response: ServerResponse, { httpStatus, headers, body }: Answer): void {
  if (response.destroyed) return;
  const text = body === undefined ? "" : JSON.stringify(body);
  const type = body === undefined ? {} : { "content-type": "application/json" };
  response.writeHead(httpStatus, { ...headers, ...type });
  response.end(text);
}

/** `undefined` when the body is too large, or its sender went away. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of request) {
      const bytes = Buffer.from(chunk as Uint8Array);
      size += bytes.length;
      if (size > MAX_BODY_BYTES) return undefined;
      chunks.push(bytes);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString("utf8");
}

function flatHeaders(request: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return headers;
}

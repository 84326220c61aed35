/** A machines API that answers exactly what a test tells it, over real HTTP, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type Asked = { method: string; url: string; headers: IncomingMessage["headers"]; body: unknown };
export type Handler = (asked: Asked, response: ServerResponse) => void;

export interface ApiServer {
  readonly url: string;
  readonly asked: Asked[];
  /** Answers from now on. */
  answer(handler: Handler): void;
  close(): Promise<void>;
}

export async function startApiServer(): Promise<ApiServer> {
  const asked: Asked[] = [];
  let handler: Handler = (_asked, response) => void response.writeHead(500).end();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString("utf8");
      const { method = "", url = "", headers } = request;
      const one: Asked = { method, url, headers, body: text === "" ? null : JSON.parse(text) };
      asked.push(one);
      handler(one, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  // What listens on TCP has an address with a port.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    answer(next) {
      handler = next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Handler {
  return (_asked, response) => {
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  };
}

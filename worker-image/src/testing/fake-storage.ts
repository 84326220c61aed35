/** File storage over real HTTP, as the backend's upload and download URLs offer it, with faults on demand. For tests. */
import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export type StoredFile = { bytes: Buffer; sha256: string };
export type StorageFault = "refuse" | "cut" | "corrupt" | "lose_answer" | "gone";

export class FakeStorage {
  readonly files = new Map<string, StoredFile>();
  /** Taken one by one, by uploads and downloads each. */
  readonly uploadFaults: StorageFault[] = [];
  readonly downloadFaults: StorageFault[] = [];
  uploads = 0;
  downloads = 0;
  private url = "";
  private readonly server = createServer((request, response) => void this.answer(request, response));

  async start(): Promise<void> {
    await new Promise<void>((done) => this.server.listen(0, "127.0.0.1", done));
    const address: AddressInfo | string | null = this.server.address();
    if (typeof address === "object" && address !== null) this.url = `http://127.0.0.1:${address.port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  uploadUrl(): string {
    return `${this.url}/upload?token=${randomUUID()}`;
  }

  /** Points to `target`; `null`: to itself. */
  redirectUrl(target: string | null): string {
    return `${this.url}/redirect?to=${encodeURIComponent(target ?? "")}`;
  }

  /** A file whose content never ends. */
  endlessUrl(): string {
    return `${this.url}/endless?signature=${randomUUID()}`;
  }

  /** Stores a file as if it had been uploaded. */
  put(bytes: Buffer): string {
    const storageId = `file-${this.files.size + 1}`;
    this.files.set(storageId, { bytes, sha256: createHash("sha256").update(bytes).digest("hex") });
    return storageId;
  }

  downloadUrl(storageId: string): string {
    return `${this.url}/file/${storageId}?signature=${randomUUID()}`;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (request.method === "POST") await this.upload(request, response);
      else this.download(request, response);
    } catch {
      response.destroy();
    }
  }

  private async upload(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.uploads++;
    const fault = this.uploadFaults.shift();
    if (fault === "refuse") {
      response.writeHead(500).end();
      request.resume();
      return;
    }
    const parts: Buffer[] = [];
    for await (const part of request) if (Buffer.isBuffer(part)) parts.push(part);
    const bytes = Buffer.concat(parts);
    if (fault === "cut") {
      request.socket.destroy();
      return;
    }
    const kept = fault === "corrupt" ? bytes.subarray(0, -1) : bytes;
    const storageId = this.put(kept);
    if (fault === "lose_answer") request.socket.destroy();
    else response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ storageId }));
  }

  private download(request: IncomingMessage, response: ServerResponse): void {
    this.downloads++;
    if (request.url?.startsWith("/redirect") === true) {
      const target = new URL(request.url, this.url).searchParams.get("to") || request.url;
      response.writeHead(302, { location: target }).end();
      return;
    }
    if (request.url?.startsWith("/endless") === true) {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const megabyte = Buffer.alloc(1024 * 1024);
      const more = () => {
        while (!response.destroyed && response.write(megabyte));
      };
      response.on("drain", more);
      more();
      return;
    }
    const fault = this.downloadFaults.shift();
    const file = this.files.get(/^\/file\/([^?]+)/.exec(request.url ?? "")?.[1] ?? "");
    if (file === undefined || fault === "gone") {
      response.writeHead(404).end();
    } else if (fault === "refuse") {
      response.writeHead(503).end();
    } else if (fault === "cut") {
      response.writeHead(200, { "content-length": file.bytes.length });
      response.write(file.bytes.subarray(0, file.bytes.length / 2), () => response.destroy());
    } else {
      const bytes = Buffer.from(file.bytes);
      if (fault === "corrupt") bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    }
  }
}

/** Uploads and downloads, as browsers and scripts make them. */
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { makeFunctionReference } from "convex/server";
import { eventually } from "../testing/eventually.js";
import { startCounterBackend, type CounterBackend } from "../testing/start-counter-backend.js";
import { parseByteRange } from "./byte-range.js";

const mint = makeFunctionReference<"mutation", Record<string, never>, string>("files:mint");

let backend: CounterBackend;
beforeAll(async () => {
  backend = await startCounterBackend({ maxUploadBytes: 1_000_000 });
});
afterAll(async () => {
  await backend.close();
});

async function uploadUrl(): Promise<string> {
  const token = await backend.httpClient().mutation(mint, {});
  return `${backend.cloudUrl}/api/storage/upload?token=${token}`;
}

async function upload(content: string, headers: Record<string, string> = {}): Promise<string> {
  const response = await fetch(await uploadUrl(), { method: "POST", body: content, headers });
  expect(response.status).toBe(200);
  const { storageId } = (await response.json()) as { storageId: string };
  return `${backend.cloudUrl}/api/storage/${storageId}`;
}

const sha256 = (content: string) => createHash("sha256").update(content).digest("base64");

describe("a file", () => {
  it("comes back as it was sent", async () => {
    const content = "käse ".repeat(10_000);
    const url = await upload(content, {
      "content-type": "text/x-cheese; charset=utf-8",
      digest: `sha-256=${sha256(content)}`,
    });
    const response = await fetch(url);
    expect(await response.text()).toBe(content);
    expect(response.headers.get("content-type")).toBe("text/x-cheese; charset=utf-8");
    expect(response.headers.get("content-length")).toBe(String(Buffer.byteLength(content)));
    expect(response.headers.get("digest")).toBe(`sha-256=${sha256(content)}`);
    expect(response.headers.get("cache-control")).toBe("private, max-age=2592000");
    const head = await fetch(url, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([
      200,
      String(Buffer.byteLength(content)),
      "",
    ]);
  });

  it("may be empty", async () => {
    const response = await fetch(await upload(""));
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  it("is served in ranges", async () => {
    const url = await upload("0123456789");
    const ranged = async (range: string, headers: Record<string, string> = {}) => {
      const response = await fetch(url, { headers: { range, ...headers } });
      return [response.status, await response.text(), response.headers.get("content-range")];
    };
    expect(await ranged("bytes=2-4")).toEqual([206, "234", "bytes 2-4/10"]);
    expect(await ranged("bytes=7-")).toEqual([206, "789", "bytes 7-9/10"]);
    expect(await ranged("bytes=-3")).toEqual([206, "789", "bytes 7-9/10"]);
    expect(await ranged("bytes=5-999")).toEqual([206, "56789", "bytes 5-9/10"]);
    expect(await ranged("bytes=10-")).toEqual([416, "", "bytes */10"]);
    expect(await ranged("bytes=0-1,3-4")).toEqual([200, "0123456789", null]);
    expect(await ranged("bytes=2-4", { "if-range": '"other"' })).toEqual([200, "0123456789", null]);
  });

  it("is not sent again to who has it", async () => {
    const url = await upload("content");
    const etag = (await fetch(url)).headers.get("etag") ?? "";
    expect((await fetch(url, { headers: { "if-none-match": `"x", ${etag}` }, cache: "no-store" })).status).toBe(304);
    expect((await fetch(url, { headers: { "if-none-match": '"x"' }, cache: "no-store" })).status).toBe(200);
  });

  it("is not there when it is not there", async () => {
    expect((await fetch(`${backend.cloudUrl}/api/storage/${crypto.randomUUID()}`)).status).toBe(404);
    expect((await fetch(`${backend.cloudUrl}/api/storage/..%2f..%2fetc%2fpasswd`)).status).toBe(400);
    expect((await fetch(`${backend.cloudUrl}/api/storage/`)).status).toBe(400);
  });
});

describe("an upload", () => {
  it("needs a fresh token", async () => {
    const url = await uploadUrl();
    expect((await fetch(url, { method: "POST", body: "one" })).status).toBe(200);
    expect((await fetch(url, { method: "POST", body: "two" })).status).toBe(403);
    expect((await fetch(`${backend.cloudUrl}/api/storage/upload`, { method: "POST", body: "x" })).status).toBe(403);
  });

  it("is refused when too large, announced or not", async () => {
    expect((await fetch(await uploadUrl(), { method: "POST", body: "x".repeat(1_000_001) })).status).toBe(413);
    const url = await uploadUrl();
    const status = await new Promise((resolve, reject) => {
      const request = httpRequest(url, { method: "POST" }, (response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      request.on("error", reject);
      for (let sent = 0; sent < 3; sent++) request.write("x".repeat(500_000));
    });
    expect(status).toBe(413);
  });

  it("is refused when its bytes are not the announced ones", async () => {
    const response = await fetch(await uploadUrl(), {
      method: "POST",
      body: "abc",
      headers: { digest: `sha-256=${sha256("xyz")}` },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ code: "DigestMismatch" });
  });

  it("that breaks off leaves no file", async () => {
    const outcomes: string[] = [];
    const { storage } = backend.engine;
    backend.engine.storage = {
      ...storage,
      store: async (...args) => {
        try {
          const file = await storage.store(...args);
          outcomes.push("stored");
          return file;
        } catch (error) {
          outcomes.push("refused");
          throw error;
        }
      },
    };
    const request = httpRequest(await uploadUrl(), { method: "POST", headers: { "content-length": "1000" } });
    request.on("error", () => undefined);
    request.write("only a part");
    await new Promise((resolve) => setTimeout(resolve, 100));
    request.destroy();
    await eventually(() => expect(outcomes).toEqual(["refused"]));
    backend.engine.storage = storage;
  });
});

describe("byte ranges", () => {
  it("are read as RFC 9110 says", () => {
    expect(parseByteRange(undefined, 10)).toBeNull();
    expect(parseByteRange("items=0-1", 10)).toBeNull();
    expect(parseByteRange("bytes=-", 10)).toBeNull();
    expect(parseByteRange("bytes=4-2", 10)).toBeNull();
    expect(parseByteRange("bytes=-0", 10)).toBe("unsatisfiable");
    expect(parseByteRange("bytes=-99", 10)).toEqual({ start: 0, end: 9 });
    expect(parseByteRange("bytes=0-0", 0)).toBe("unsatisfiable");
  });
});

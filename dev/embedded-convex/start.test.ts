/** The whole backend, in this process, as the stock clients see it: a chat over WebSocket, HTTP, files and tokens. */
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BaseConvexClient, ConvexClient, ConvexHttpClient } from "convex/browser";
import { CHAT_PROJECT, chat } from "./server/testing/chat.js";
import { eventually } from "./server/testing/eventually.js";
import { recordingConstructor } from "./server/testing/start-counter-backend.js";
import { PortTakenError, startEmbeddedConvex, type EmbeddedConvex } from "./start.js";

let backend: EmbeddedConvex;
const clients: ConvexClient[] = [];
const logged: string[] = [];

beforeAll(async () => {
  backend = await startEmbeddedConvex({
    projectDirectory: CHAT_PROJECT,
    dataDirectory: null,
    env: { GREETING: "hello" },
    log: (line) => logged.push(line),
  });
});
afterAll(async () => {
  await Promise.all(clients.map(async (client) => await client.close()));
  await backend.close();
});

function liveClient(): ConvexClient {
  const { constructor } = recordingConstructor();
  const client = new ConvexClient(backend.cloudUrl, { webSocketConstructor: constructor, logger: false });
  clients.push(client);
  return client;
}
const httpClient = () => new ConvexHttpClient(backend.cloudUrl, { logger: false });

function watch(client: ConvexClient, room: string): string[][] {
  const states: string[][] = [];
  client.onUpdate(chat.list, { room }, (messages) => states.push(messages));
  return states;
}

describe("a chat", () => {
  it("shows messages to everyone in the room, however they were sent", async () => {
    const states = watch(liveClient(), "lobby");
    await eventually(() => expect(states.at(-1)).toEqual([]));
    const ada = liveClient();
    expect(await ada.mutation(chat.send, { room: "lobby", author: "ada", text: "hi" })).toBe(1);
    expect(await httpClient().mutation(chat.send, { room: "lobby", author: "bob", text: "ho" })).toBe(2);
    expect(await ada.action(chat.sendTwice, { room: "lobby", author: "eve", text: "he" })).toEqual([3, 4]);
    await ada.mutation(chat.sendLater, { room: "lobby", author: "zoe", text: "late", delayMs: 50 });
    await ada.mutation(chat.send, { room: "elsewhere", author: "ada", text: "not here" });
    await eventually(() => expect(states.at(-1)).toEqual(["ada: hi", "bob: ho", "eve: he", "eve: he", "zoe: late"]));
    await eventually(async () => expect(await httpClient().query(chat.count, { room: "lobby" })).toBe(5));
  });

  it("refuses what its functions refuse, and keeps nothing of it", async () => {
    const client = liveClient();
    await expect(client.mutation(chat.send, { room: "refused", author: "a", text: "" })).rejects.toMatchObject({
      data: { kind: "empty" },
    });
    // What no caller in TypeScript could send.
    const wrong: unknown = { room: 5 };
    await expect(client.query(chat.list, wrong as { room: string })).rejects.toThrow(/[Vv]alidat/);
    await expect(client.query(chat.total, {})).rejects.toThrow(/Could not find public function/);
    expect(await httpClient().query(chat.count, { room: "refused" })).toBe(0);
  });

  it("keeps the end of a page where it was, also for a client that comes back", async () => {
    for (const text of ["1", "2", "3", "4"])
      await httpClient().mutation(chat.send, { room: "paged", author: "a", text });
    const { constructor, sockets } = recordingConstructor();
    const pages: unknown[] = [];
    const client: BaseConvexClient = new BaseConvexClient(
      backend.cloudUrl,
      () => {
        const result = client.localQueryResult("messages:page", args);
        // Undefined only before the first result.
        if (typeof result === "object" && result !== null && "page" in result && Array.isArray(result.page)) {
          pages.push(result.page.map((message: unknown) => (message as { text: string }).text).join());
        }
      },
      { webSocketConstructor: constructor, logger: false },
    );
    const args = { room: "paged", paginationOpts: { numItems: 2, cursor: null } };
    client.subscribe("messages:page", args);
    await eventually(() => expect(pages).toEqual(["4,3"]));
    await httpClient().mutation(chat.send, { room: "paged", author: "a", text: "5" });
    await eventually(() => expect(pages.at(-1)).toBe("5,4,3"));
    sockets.at(-1)?.terminate();
    await httpClient().mutation(chat.send, { room: "paged", author: "a", text: "6" });
    await eventually(() => expect(pages.at(-1)).toBe("6,5,4,3"));
    const fresh = await httpClient().query(chat.page, args);
    expect(fresh.page).toHaveLength(2);
    await client.close();
  });

  it("counts right whoever writes at the same time", async () => {
    const writers = [liveClient(), liveClient(), liveClient()];
    const observer = liveClient();
    const states = watch(observer, "busy");
    const counts: number[] = [];
    observer.onUpdate(chat.count, { room: "busy" }, (value) => counts.push(value));
    await Promise.all(
      writers.flatMap((writer, author) =>
        Array.from({ length: 20 }, async (_, text) => {
          await writer.mutation(chat.send, { room: "busy", author: String(author), text: String(text) });
        }),
      ),
    );
    await eventually(() => expect([states.at(-1)?.length, counts.at(-1)]).toEqual([60, 60]));
    expect(counts.filter((value, index) => value < (counts[index - 1] ?? 0))).toEqual([]);
    for (const author of ["0", "1", "2"]) {
      const own = states.at(-1)?.filter((line) => line.startsWith(`${author}: `));
      expect(own).toEqual(Array.from({ length: 20 }, (_, text) => `${author}: ${text}`));
    }
  });

  it("prints what functions log, for its developer and for the client", async () => {
    const lines: string[] = [];
    const logger = {
      log: (...parts: unknown[]) => lines.push(parts.join(" ")),
      warn: () => undefined,
      error: () => undefined,
      logVerbose: () => undefined,
    };
    const client = new ConvexHttpClient(backend.cloudUrl, { logger });
    await client.mutation(chat.send, { room: "logged", author: "a", text: "b" });
    expect(lines.join("\n")).toContain("sent to");
    await eventually(() => expect(logged.join("\n")).toMatch(/sent to.*logged/));
  });
});

describe("the environment", () => {
  it("reaches functions, and queries that are being watched", async () => {
    const greetings: string[] = [];
    liveClient().onUpdate(chat.greeting, {}, (value) => greetings.push(value));
    await eventually(() => expect(greetings).toEqual(["hello"]));
    await backend.setEnv("GREETING", "good evening");
    await eventually(() => expect(greetings.at(-1)).toBe("good evening"));
    await backend.setEnv("GREETING", undefined);
    await eventually(() => expect(greetings.at(-1)).toBe("no greeting"));
  });
});

describe("signed-in users", () => {
  it("are who their token says, on every way in", async () => {
    const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
    const keys = [{ ...(await exportJWK(publicKey)), kid: "1", alg: "ES256" }];
    await backend.setEnv("JWKS", `data:application/json,${encodeURIComponent(JSON.stringify({ keys }))}`);
    const token = await new SignJWT({ name: "Ada", role: "admin" })
      .setProtectedHeader({ alg: "ES256", kid: "1" })
      .setIssuer("https://chat.example")
      .setAudience("chat")
      .setSubject("ada")
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(privateKey);
    const identity = {
      tokenIdentifier: "https://chat.example|ada",
      issuer: "https://chat.example",
      subject: "ada",
      name: "Ada",
      role: "admin",
    };
    const http = httpClient();
    http.setAuth(token);
    expect(await http.query(chat.whoAmI, {})).toEqual(identity);

    const client = liveClient();
    const seen: unknown[] = [];
    client.onUpdate(chat.whoAmI, {}, (value) => seen.push(value));
    await eventually(() => expect(seen).toEqual([null]));
    client.setAuth(async () => token);
    await eventually(() => expect(seen.at(-1)).toEqual(identity));

    const headers = { authorization: `Bearer ${token}` };
    await fetch(`${backend.siteUrl}/post?room=signed`, { method: "POST", body: "from outside", headers });
    expect(await http.query(chat.list, { room: "signed" })).toEqual(["ada: from outside"]);
  });
});

describe("files", () => {
  it("go in by a one-time URL, come out by another, and can be deleted", async () => {
    const client = liveClient();
    const target = await client.mutation(chat.uploadUrl, {});
    expect(target.startsWith(`${backend.cloudUrl}/api/storage/upload?token=`)).toBe(true);
    const content = new Blob(["a picture"], { type: "image/x-test" });
    const { storageId: file } = (await (await fetch(target, { method: "POST", body: content })).json()) as {
      storageId: string;
    };
    expect((await fetch(target, { method: "POST", body: content })).status).toBe(403);
    await client.mutation(chat.send, { room: "files", author: "a", text: "see this", file });
    const url = await client.query(chat.fileUrl, { file });
    expect(url?.startsWith(`${backend.cloudUrl}/api/storage/`)).toBe(true);
    const response = await fetch(url ?? "", { headers: { range: "bytes=2-8" } });
    expect([response.status, await response.text(), response.headers.get("content-type")]).toEqual([
      206,
      "picture",
      "image/x-test",
    ]);
    await client.mutation(chat.removeFile, { file });
    expect(await client.query(chat.fileUrl, { file })).toBeNull();
    expect((await fetch(url ?? "", { cache: "no-store" })).status).toBe(404);
  });
});

describe("HTTP actions", () => {
  it("see the request as it was made", async () => {
    const response = await fetch(`${backend.siteUrl}/post?room=http&x=%C3%A4`, {
      method: "POST",
      body: "hello",
      headers: { "user-agent": "test" },
    });
    expect(await response.json()).toEqual({
      messages: 1,
      url: `${backend.siteUrl}/post?room=http&x=%C3%A4`,
      userAgent: "test",
    });
    expect((await fetch(`${backend.siteUrl}/post`)).status).toBe(404);
  });

  it("stream", async () => {
    const response = await fetch(`${backend.siteUrl}/stream/one/two/three`);
    const pieces: string[] = [];
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader?.read(); part !== undefined && !part.done; part = await reader?.read())
      pieces.push(part.value);
    expect(pieces).toEqual(["one", "two", "three"]);
  });
});

describe("starting", () => {
  it("says which port is taken, and leaves nothing open", async () => {
    const port = Number(new URL(backend.cloudUrl).port);
    const options = { projectDirectory: CHAT_PROJECT, dataDirectory: null };
    await expect(startEmbeddedConvex({ ...options, port })).rejects.toBeInstanceOf(PortTakenError);
    await expect(startEmbeddedConvex({ ...options, sitePort: port })).rejects.toMatchObject({
      name: "PortTakenError",
      port,
    });
    await expect(startEmbeddedConvex({ ...options, projectDirectory: "/nowhere" })).rejects.toThrow();
  });
});

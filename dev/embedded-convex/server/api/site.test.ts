/** HTTP actions on the site port: real URLs, streams in both directions, identities, errors. */
import { request as httpRequest, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../testing/eventually.js";
import { startCounterBackend, type CounterBackend } from "../testing/start-counter-backend.js";

let backend: CounterBackend;
beforeAll(async () => {
  backend = await startCounterBackend();
});
afterAll(async () => {
  await backend.close();
});

describe("an HTTP action", () => {
  it("gets the real URL and the body, and answers", async () => {
    const response = await fetch(`${backend.siteUrl}/echo?a=1&b=%20`, { method: "POST", body: "ping" });
    expect(await response.text()).toBe("ping");
    expect(response.headers.get("x-url")).toBe(`${backend.siteUrl}/echo?a=1&b=%20`);
    expect(response.headers.get("x-user")).toBe("nobody");
    expect(response.headers.get("access-control-allow-origin")).toBeNull();
  });

  it("is told who calls, and takes an app's own Authorization header for nobody's", async () => {
    const identity = Buffer.from(JSON.stringify({ issuer: "i", subject: "ada" })).toString("base64");
    const as = async (authorization: string) =>
      (await fetch(`${backend.siteUrl}/echo`, { headers: { authorization } })).headers.get("x-user");
    expect(await as(`Convex ${backend.adminKey}:${identity}`)).toBe("ada");
    expect(await as("Bearer of-the-app-itself")).toBe("nobody");
    expect(await as("Basic dXNlcjpwYXNz")).toBe("nobody");
  });

  it("may set several cookies", async () => {
    const response = await fetch(`${backend.siteUrl}/cookies`);
    expect([response.status, response.headers.getSetCookie()]).toEqual([204, ["a=1", "b=2"]]);
  });

  it("streams both ways at once", async () => {
    const request = httpRequest(`${backend.siteUrl}/echo`, { method: "POST" });
    request.write("one");
    const [response] = (await once(request, "response")) as [IncomingMessage];
    expect(String((await once(response, "data"))[0])).toBe("one");
    request.write("two");
    expect(String((await once(response, "data"))[0])).toBe("two");
    request.end();
    await once(response, "end");
  });

  it("learns that its client has gone", async () => {
    let aborted = false;
    const original = backend.engine.fetchHttpAction;
    backend.engine.fetchHttpAction = async (request) => {
      request.signal.addEventListener("abort", () => (aborted = true));
      return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(100_000)) }));
    };
    const request = httpRequest(`${backend.siteUrl}/endless`);
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    await once(response, "data");
    request.destroy();
    await eventually(() => expect(aborted).toBe(true));
    backend.engine.fetchHttpAction = original;
  });

  it("that does not exist, throws, or gets too much, is an error", async () => {
    expect((await fetch(`${backend.siteUrl}/nowhere`)).status).toBe(404);
    const failed = await fetch(`${backend.siteUrl}/throw`);
    expect(failed.status).toBe(500);
    expect(await failed.text()).not.toContain("a detail");
    const large = await fetch(`${backend.siteUrl}/echo`, { method: "POST", body: "x".repeat(21 * 1024 * 1024) });
    expect(large.status).toBe(413);
  });
});

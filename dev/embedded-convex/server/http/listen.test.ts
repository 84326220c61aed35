/** Ports: only this machine can reach them, and one that is taken is said to be. */
import { once } from "node:events";
import { createServer, connect, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { eventually } from "../testing/eventually.js";
import { isLoopbackHost } from "./loopback.js";
import { listenOnLoopback, PortTakenError } from "./listen.js";

const handlers = {
  onRequest: (_request: unknown, response: { end(text: string): unknown }) => void response.end("here"),
};

describe("a port", () => {
  it("is free again after it was closed, and can be had by number", async () => {
    const first = await listenOnLoopback(0, handlers);
    expect(await (await fetch(`http://127.0.0.1:${first.port}`)).text()).toBe("here");
    await first.close(100);
    const second = await listenOnLoopback(first.port, handlers);
    expect(second.port).toBe(first.port);
    await second.close(100);
  });

  it("that is taken is named, with what to do", async () => {
    const first = await listenOnLoopback(0, handlers);
    const error: unknown = await listenOnLoopback(first.port, handlers).catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(PortTakenError);
    expect(error).toMatchObject({ port: first.port, hint: expect.stringMatching(/another port/) as unknown });
    expect(String(error)).toContain(`Port ${first.port} is already in use.`);
    await first.close(0);
  });

  it("is taken when only one of the two address families is", async () => {
    const other = createServer().listen(0, "::1");
    // A machine without IPv6 has only one family, and nothing to test here.
    const isListening = await once(other, "listening").then(
      () => true,
      () => false,
    );
    const address = other.address();
    if (isListening && typeof address === "object" && address !== null) {
      await expect(listenOnLoopback(address.port, handlers)).rejects.toBeInstanceOf(PortTakenError);
    }
    other.close();
  });

  it("cannot be reached under this machine's other addresses", async () => {
    const listener = await listenOnLoopback(0, handlers);
    const others = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4");
    for (const { address } of others) {
      const socket: Socket = connect(listener.port, address);
      const outcome = await once(socket, "connect").then(
        () => "open",
        () => "refused",
      );
      socket.destroy();
      expect(outcome).toBe("refused");
    }
    await listener.close(0);
  });

  it("is not held by clients that send slowly", async () => {
    const read: string[] = [];
    const listener = await listenOnLoopback(
      0,
      { onRequest: (request) => request.on("data", (chunk: Buffer) => read.push(String(chunk))) },
      { headers: 200, request: 400, check: 50 },
    );
    const slow = async (start: string) => {
      const socket = connect(listener.port, "127.0.0.1");
      socket.write(start);
      const dripping = setInterval(() => socket.write("a"), 50);
      let answer = "";
      socket.on("data", (chunk) => (answer += String(chunk))).on("error", () => undefined);
      await once(socket, "close");
      clearInterval(dripping);
      return answer.split("\r\n")[0];
    };
    const head = "POST / HTTP/1.1\r\nHost: localhost\r\n";
    const answers = await Promise.all([slow(`${head}X-Slow: `), slow(`${head}Content-Length: 100000\r\n\r\n`)]);
    expect(answers).toEqual(["HTTP/1.1 408 Request Timeout", "HTTP/1.1 408 Request Timeout"]);
    expect(read.length).toBeGreaterThan(1);
    await listener.close(0);
  });

  it("gives running requests time when it closes, and no more than that", async () => {
    const answers: (() => void)[] = [];
    const listener = await listenOnLoopback(0, {
      onRequest: (request, response) => {
        answers.push(() => (request.url === "/late" ? response.end("late") : undefined));
      },
    });
    const request = async (path: string) => await (await fetch(`http://127.0.0.1:${listener.port}${path}`)).text();
    const late = request("/late");
    const never = expect(request("/never")).rejects.toThrow();
    await eventually(() => expect(answers).toHaveLength(2));
    const closing = listener.close(500);
    for (const answer of answers) answer();
    expect(await late).toBe("late");
    await never;
    await closing;
  });
});

describe("host names", () => {
  it.each(["localhost", "127.0.0.1:80", "[::1]:3210", "LocalHost:65535"])("%s is this machine", (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });
  it.each([
    undefined,
    "",
    ":80",
    "localhost.",
    "a.localhost",
    "0.0.0.0",
    "127.0.0.1@evil",
    "localhost:80:80",
    "[::1",
    "evil",
  ])("%s is not", (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});

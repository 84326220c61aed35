import { once } from "node:events";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { DEFAULT_PORTS, PortProblem, readPorts, requireFreePorts } from "./ports.js";

const unset = { port: undefined, "convex-port": undefined, "site-port": undefined, "fly-port": undefined };

describe("the demo's ports", () => {
  it("have defaults, and a flag each", () => {
    expect(readPorts(unset)).toEqual(DEFAULT_PORTS);
    expect(readPorts({ ...unset, "fly-port": "0" })).toEqual({ ...DEFAULT_PORTS, fly: 0 });
  });

  it.each(["-1", "65536", "http", "3000.5", ""])("refuse %j", (text) => {
    expect(() => readPorts({ ...unset, port: text })).toThrow(PortProblem);
  });

  it("say which one is taken and how to choose another", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const taken = typeof address === "object" && address !== null ? address.port : 0;
    try {
      const check = requireFreePorts({ app: 0, convex: 0, site: 0, fly: taken });
      await expect(check).rejects.toThrow(new RegExp(`Port ${taken}.*Machines API.*--fly-port 0`, "s"));
      await expect(requireFreePorts({ app: 0, convex: 0, site: 0, fly: 0 })).resolves.toBeUndefined();
    } finally {
      other.close();
    }
  });
});

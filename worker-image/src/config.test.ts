/** The worker's environment: defaults, the guest root, and one clear line for everything that is wrong. */
import { describe, expect, it } from "vitest";
import { WORKER_ENVIRONMENT } from "../../src/shared/worker-environment.js";
import { ConfigError, readConfig, readInteger, type Environment } from "./config.js";

const { convexUrl, workerId, ...optional } = WORKER_ENVIRONMENT;
const required = { [convexUrl]: "https://happy-otter-123.convex.cloud", [workerId]: "worker-1" };
const read = (environment: Environment) => readConfig(environment, ["echo", "chat"]);

describe("readConfig", () => {
  it("needs a URL and an id, and has defaults for the rest", () => {
    expect(read(required)).toEqual({
      convexUrl: "https://happy-otter-123.convex.cloud",
      workerId: "worker-1",
      functionsModule: "agentFactory",
      enrollmentFile: "/run/agent-factory/enrollment-credential",
      dataDirectory: "/data",
      skillsDirectory: "/app/skills",
      runtime: "echo",
      healthPort: 8080,
      logLevel: "info",
    });
    expect(read({ ...required, [optional.runtime]: " ", [optional.healthPort]: "" })).toEqual(read(required));
  });

  it("puts every path below the guest root", () => {
    const config = read({ ...required, [optional.guestRoot]: "/tmp/guest-1", [optional.dataDirectory]: "/srv/data" });
    expect(config.enrollmentFile).toBe("/tmp/guest-1/run/agent-factory/enrollment-credential");
    expect(config.dataDirectory).toBe("/tmp/guest-1/srv/data");
  });

  const wrong: [string, string, RegExp][] = [
    [convexUrl, "", /CONVEX_URL is not set; it is the deployment's URL/],
    [convexUrl, "ftp://x", /must be a URL that starts with https/],
    [convexUrl, "https://", /must be a URL/],
    [convexUrl, "https://happy-otter-123.convex.site", /not that of its HTTP actions/],
    [convexUrl, "https://user:secret@x.convex.cloud", /must not contain a user name or password/],
    [workerId, "", /WORKER_ID is not set/],
    [workerId, "x".repeat(300), /at most 256 bytes/],
    [optional.functionsModule, "../x", /must name a module/],
    [optional.functionsModule, "agentFactory:claim", /must name a module/],
    [optional.dataDirectory, "data", /DATA_DIR must be an absolute path/],
    [optional.dataDirectory, "/data/../etc", /DATA_DIR must be an absolute path without ../],
    [optional.guestRoot, "guest", /GUEST_ROOT must be an absolute path/],
    [optional.runtime, "openclaw", /is "openclaw", which this image does not contain; it has: echo, chat\./],
    [optional.healthPort, "http", /HEALTH_PORT must be a port number/],
    [optional.healthPort, "65536", /HEALTH_PORT must be a port number/],
    [optional.logLevel, "loud", /LOG_LEVEL must be one of fatal, error/],
  ];
  for (const [name, value, line] of wrong) {
    it(`refuses ${name}=${value.slice(0, 40)}`, () => {
      const environment = { ...required, [name]: value };
      expect(() => read(environment)).toThrow(ConfigError);
      expect(() => read(environment)).toThrow(line);
      expect(() => read(environment)).toThrow(/^[^\n]+$/);
      expect(() => read(environment)).not.toThrow(/secret/);
    });
  }

  it("names all problems at once", () => {
    expect(() => read({ [optional.logLevel]: "loud" })).toThrow(/CONVEX_URL .*; .*WORKER_ID .*; .*LOG_LEVEL/);
  });
});

describe("readInteger", () => {
  it("accepts whole numbers within the bounds", () => {
    const bounds = { fallback: 7, min: 0, max: 100 };
    expect(readInteger({}, "X", bounds)).toBe(7);
    expect(readInteger({ X: " 100 " }, "X", bounds)).toBe(100);
    for (const value of ["101", "-1", "1.5", "1e1", "NaN"]) {
      expect(() => readInteger({ X: value }, "X", bounds)).toThrow(ConfigError);
    }
  });
});

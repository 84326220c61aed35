import { describe, expect, it } from "vitest";
import { readConfiguration } from "./configuration.js";
import { type ApiError } from "./errors.js";
import { type JsonValue } from "./json.js";
import { imageReference } from "./machine.js";

describe("readConfiguration", () => {
  it("fills in Fly's defaults", () => {
    expect(readConfiguration({ image: "app:1" })).toEqual({
      image: "app:1",
      env: {},
      guest: { cpuKind: "shared", cpus: 1, memoryMb: 256 },
      restart: { policy: "on-failure", maxRetries: 10 },
      stop: { signal: "SIGINT", timeoutMs: 5_000 },
      files: [],
      autoDestroy: false,
      swapMb: 0,
      persistRootfs: "never",
    });
  });

  it("reads what a machine is told", () => {
    const configuration = readConfiguration({
      image: "app:1",
      env: { A: "1" },
      guest: { cpu_kind: "performance", cpus: 2, memory_mb: 4_096 },
      mounts: [{ volume: "vol_1", path: "/data" }],
      restart: { policy: "no" },
      stop_config: { signal: "SIGTERM", timeout: "30s" },
      files: [{ guest_path: "/run/secret", raw_value: Buffer.from("hush").toString("base64") }],
      auto_destroy: true,
    });
    expect(configuration).toMatchObject({
      guest: { cpuKind: "performance", cpus: 2, memoryMb: 4_096 },
      mount: { volume: "vol_1", path: "/data" },
      restart: { policy: "no" },
      stop: { signal: "SIGTERM", timeoutMs: 30_000 },
      autoDestroy: true,
    });
    expect(configuration.files[0]?.content.toString()).toBe("hush");
  });

  it.each<[string, JsonValue | undefined]>([
    ["nothing", undefined],
    ["no image", {}],
    ["an env value that is no string", { image: "a", env: { A: 1 } }],
    ["memory that is no multiple of 256", { image: "a", guest: { memory_mb: 300 } }],
    [
      "two volumes",
      {
        image: "a",
        mounts: [
          { volume: "a", path: "/a" },
          { volume: "b", path: "/b" },
        ],
      },
    ],
    ["a path that climbs out", { image: "a", files: [{ guest_path: "/../../etc/passwd", raw_value: "" }] }],
    ["a relative path", { image: "a", files: [{ guest_path: "etc/x", raw_value: "" }] }],
    ["content that is no base64", { image: "a", files: [{ guest_path: "/x", raw_value: "a b" }] }],
    ["an unknown signal", { image: "a", stop_config: { signal: "SIGFOO" } }],
    ["a time-out that is none", { image: "a", stop_config: { timeout: "soon" } }],
    ["an unknown restart policy", { image: "a", restart: { policy: "sometimes" } }],
  ])("refuses %s with a 400", (_what, config) => {
    expect(() => readConfiguration(config)).toThrow(expect.objectContaining({ httpStatus: 400 }) as ApiError);
  });
});

describe("imageReference", () => {
  it.each([
    ["registry.fly.io/app:v1", { registry: "registry.fly.io", repository: "app", tag: "v1" }],
    ["library/ubuntu", { registry: "registry-1.docker.io", repository: "library/ubuntu", tag: "latest" }],
    ["localhost:5000/a/b:2", { registry: "localhost:5000", repository: "a/b", tag: "2" }],
    ["r.io/a:1@sha256:00ff", { registry: "r.io", repository: "a", tag: "1", digest: "sha256:00ff" }],
  ])("takes %s apart", (image, parts) => {
    expect(imageReference(image)).toEqual(parts);
  });
});

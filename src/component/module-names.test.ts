import { describe, expect, it } from "vitest";

/** What a deployment bundles of this folder: the CLI leaves out files with several dots, such as tests. */
const modules = Object.keys(import.meta.glob("./**/*.ts"))
  .map((path) => path.slice("./".length))
  .filter((path) => !/\.[^/]*\./.test(path));

describe("the component's modules", () => {
  it("have names that a deployment accepts: it refuses all of them for one hyphen", () => {
    expect(modules).toContain("queue/claim.ts");
    const refused = modules.filter((path) => !path.split("/").every((part) => /^[A-Za-z0-9_.]+$/.test(part)));
    expect(refused).toEqual([]);
  });
});

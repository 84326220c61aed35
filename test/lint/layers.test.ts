/** Proves that the layer rules bite: each forbidden direction is refused, each allowed one passes. */
import { describe, expect, it } from "vitest";
import { FLOORS, PROVIDERS } from "../../eslint.layers.js";
import { lintSnippet, refusesImport } from "./linter.js";

type Case = [file: string, specifier: string];

const domainPairs = FLOORS.flatMap((domains, floor) =>
  domains.flatMap((domain) =>
    FLOORS.flatMap((others, otherFloor) =>
      others.filter((other) => other !== domain).map((other) => ({ domain, floor, other, otherFloor })),
    ),
  ),
);
const upwards = domainPairs.filter(({ floor, otherFloor }) => otherFloor > floor);
const downwardsOrLevel = domainPairs.filter(({ floor, otherFloor }) => otherFloor <= floor);

describe("rooms of the repository", () => {
  const forbidden: Case[] = [
    ["src/shared/backoff.ts", "../component/queue/claim.js"],
    ["src/shared/backoff.ts", "../client/index.js"],
    ["src/shared/backoff.ts", "../react/index.js"],
    ["src/shared/backoff.ts", "../../dev/demo/main.js"],
    ["src/shared/backoff.ts", "../../test/e2e/system.js"],
    ["src/shared/backoff.ts", "../../worker-image/src/config.js"],
    ["src/shared/backoff.ts", "node:crypto"],
    ["src/shared/backoff.ts", "fs/promises"],
    ["src/component/queue/claim.ts", "../../client/index.js"],
    ["src/component/queue/claim.ts", "../../react/index.js"],
    ["src/component/queue/claim.ts", "../../../dev/embedded-convex/definition.js"],
    ["src/component/queue/claim.ts", "../../../test/e2e/system.js"],
    ["src/component/queue/claim.ts", "../../../worker-image/src/config.js"],
    ["src/component/queue/claim.ts", "../../../example/convex/agentFactory.js"],
    ["src/component/queue/claim.ts", "convex-agent-factory"],
    ["src/component/queue/claim.ts", "convex-agent-factory/react"],
    ["src/component/queue/claim.ts", "node:fs"],
    ["src/component/queue/claim.ts", "crypto"],
    ["src/component/queue/claim.ts", "convex-test"],
    ["src/component/queue/claim.ts", "../../test.js"],
    ["src/component/queue/claim.ts", "../setup.test-kit.js"],
    ["src/component/lib.ts", "../client/index.js"],
    ["src/client/expose.ts", "../react/index.js"],
    ["src/client/expose.ts", "../../dev/demo/main.js"],
    ["src/client/expose.ts", "../component/queue/tables.js"],
    ["src/client/expose.ts", "../component/schema.js"],
    ["src/client/expose.ts", "node:http"],
    ["src/client/expose.ts", "vitest"],
    ["src/react/useConversation.ts", "../../example/app/page.js"],
    ["src/react/useConversation.ts", "../component/conversations/tables.js"],
    ["src/test.ts", "../dev/demo/main.js"],
    ["src/test.ts", "node:fs"],
    ["src/component/queue/claim.test.ts", "../../../dev/embedded-convex/definition.js"],
    ["worker-image/src/turn.ts", "../../src/component/queue/claim.js"],
    ["worker-image/src/turn.ts", "../../src/client/index.js"],
    ["worker-image/src/runtimes/echo/runtime.ts", "../../../../src/react/index.js"],
    ["worker-image/src/turn.ts", "../../dev/fly-emulator/main.js"],
    ["worker-image/src/turn.test.ts", "../../dev/fly-emulator/main.js"],
    ["worker-image/src/turn.ts", "../../test/e2e/system.js"],
    ["worker-image/src/turn.ts", "../../example/convex/agentFactory.js"],
    ["worker-image/src/turn.ts", "convex-agent-factory"],
    ["example/convex/agentFactory.ts", "../../src/client/index.js"],
    ["example/app/page.tsx", "../../dev/demo/main.js"],
  ];
  it.each(forbidden)("%s may not import %s", async (file, specifier) => {
    expect(await refusesImport(file, specifier)).toBe(true);
  });

  const allowed: Case[] = [
    ["src/shared/backoff.ts", "./payload.js"],
    ["src/shared/backoff.ts", "convex/values"],
    ["src/component/queue/claim.ts", "../../shared/payload.js"],
    ["src/component/queue/claim.ts", "../_generated/server.js"],
    ["src/component/queue/claim.ts", "../functions.js"],
    ["src/component/queue/claim.ts", "convex/server"],
    ["src/component/lib.ts", "./queue/public.js"],
    ["src/component/http.ts", "./channels/telegram/webhook.js"],
    ["src/component/crons.ts", "./_generated/api.js"],
    ["src/component/schema.ts", "./queue/tables.js"],
    ["src/component/schema.ts", "./providers/fly/tables.js"],
    ["src/client/expose.ts", "../component/_generated/component.js"],
    ["src/client/expose.ts", "../shared/payload.js"],
    ["src/react/useConversation.ts", "../client/index.js"],
    ["src/react/useConversation.ts", "react"],
    ["src/test.ts", "./component/schema.js"],
    ["src/test.ts", "convex-test"],
    ["src/component/queue/claim.test.ts", "../../test.js"],
    ["src/component/queue/claim.test.ts", "convex-test"],
    ["src/component/agents/profile.test.ts", "../pool/plan.js"],
    ["src/component/agents/profile.test.ts", "../setup.test-kit.js"],
    ["src/component/setup.test-kit.ts", "./queue/tables.js"],
    ["worker-image/src/turn.ts", "../../src/shared/payload.js"],
    ["worker-image/src/turn.ts", "./config.js"],
    ["worker-image/src/turn.ts", "node:fs/promises"],
    ["example/convex/agentFactory.ts", "convex-agent-factory"],
    ["example/app/page.tsx", "convex-agent-factory/react"],
    ["example/app/page.tsx", "../convex/_generated/api"],
    ["dev/demo/main.ts", "../../src/component/pool/plan/plan.js"],
    ["dev/demo/main.ts", "../../worker-image/src/config.js"],
    ["test/e2e/turn.test.ts", "../../dev/demo/main.js"],
    ["test/e2e/turn.test.ts", "../../src/component/queue/tables.js"],
  ];
  it.each(allowed)("%s may import %s", async (file, specifier) => {
    expect(await refusesImport(file, specifier)).toBe(false);
  });
});

describe("domains of the component", () => {
  it.each(upwards)("$domain may not import $other, which is on a higher floor", async ({ domain, other }) => {
    expect(await refusesImport(`src/component/${domain}/rules.ts`, `../${other}/rules.js`)).toBe(true);
    expect(await refusesImport(`src/component/${domain}/deeper/rules.ts`, `../../${other}/deeper/rules.js`)).toBe(true);
  });

  it.each(downwardsOrLevel)("$domain may call functions of $other", async ({ domain, other }) => {
    expect(await refusesImport(`src/component/${domain}/rules.ts`, `../${other}/rules.js`)).toBe(false);
    expect(await refusesImport(`src/component/${domain}/deeper/rules.ts`, `../../${other}/deeper/rules.js`)).toBe(
      false,
    );
  });

  it.each(domainPairs)(
    "$domain may import neither tables nor registered functions of $other",
    async ({ domain, other }) => {
      expect(await refusesImport(`src/component/${domain}/rules.ts`, `../${other}/tables.js`)).toBe(true);
      expect(await refusesImport(`src/component/${domain}/deeper/rules.ts`, `../../${other}/tables.js`)).toBe(true);
      expect(await refusesImport(`src/component/${domain}/rules.ts`, `../${other}/public.js`)).toBe(true);
      expect(await refusesImport(`src/component/${domain}/rules.ts`, `../${other}/internal.js`)).toBe(true);
    },
  );

  it.each(FLOORS.flat())("%s may import its own tables, but not the schema or the public door", async (domain) => {
    expect(await refusesImport(`src/component/${domain}/rules.ts`, "./tables.js")).toBe(false);
    expect(await refusesImport(`src/component/${domain}/deeper/rules.ts`, "../tables.js")).toBe(false);
    expect(await refusesImport(`src/component/${domain}/rules.ts`, "../schema.js")).toBe(true);
    expect(await refusesImport(`src/component/${domain}/rules.ts`, "../lib.js")).toBe(true);
  });

  it.each(FLOORS.flat())("%s and the providers", async (domain) => {
    expect(await refusesImport(`src/component/${PROVIDERS}/fly/machines.ts`, `../../${domain}/rules.js`)).toBe(true);
    expect(await refusesImport(`src/component/${PROVIDERS}/contract.ts`, `../${domain}/rules.js`)).toBe(true);
    const onlyThePool = domain !== "pool";
    expect(await refusesImport(`src/component/${domain}/rules.ts`, `../${PROVIDERS}/fly/machines.js`)).toBe(
      onlyThePool,
    );
  });

  it("lets providers use what lies below all domains", async () => {
    for (const specifier of ["../contract.js", "../../errors.js", "../../../shared/payload.js"]) {
      expect(await refusesImport(`src/component/${PROVIDERS}/fly/machines.ts`, specifier)).toBe(false);
    }
  });

  it.each(["functions", "logging", "errors", "convex.config", "anythingNew"])(
    "%s.ts imports no domain",
    async (name) => {
      expect(await refusesImport(`src/component/${name}.ts`, "./queue/claim.js")).toBe(true);
      expect(await refusesImport(`src/component/${name}.ts`, "./providers/fly/machines.js")).toBe(true);
      expect(await refusesImport(`src/component/${name}.ts`, "./_generated/server.js")).toBe(false);
    },
  );

  it("keeps tables out of the public door, and everything but tables out of the schema", async () => {
    expect(await refusesImport("src/component/lib.ts", "./queue/tables.js")).toBe(true);
    expect(await refusesImport("src/component/schema.ts", "./queue/claim.js")).toBe(true);
  });
});

describe("ways around the rule", () => {
  const file = "src/component/agents/rules.ts";
  it.each([
    [
      "a type import",
      `import type { Plan } from "../pool/plan.js";\nexport type Used = Plan;\n`,
      "no-restricted-imports",
    ],
    ["a re-export", `export { plan } from "../pool/plan.js";\n`, "no-restricted-imports"],
    ["a re-export of everything", `export * from "../pool/plan.js";\n`, "no-restricted-imports"],
    ["a dynamic import", `export const later = () => import("../pool/plan.js");\n`, "no-restricted-syntax"],
    [
      "an import type",
      `export type Used = import("../pool/plan.js").Plan;\n`,
      "@typescript-eslint/consistent-type-imports",
    ],
  ])("refuses %s", async (_way, code, rule) => {
    expect(await lintSnippet(file, code)).toContain(rule);
  });
});

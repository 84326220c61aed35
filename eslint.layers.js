// @ts-check
/**
 * Who may import whom: the rooms of this repository, and inside the component the floors on which its domains live.
 *
 * `shared ← component ← client ← react, example`; `worker-image` sees `src/shared` only; `dev` and `test` see everything
 * and are seen by nobody. `test/lint/layers.test.ts` proves each of these rules with code that breaks it.
 */
import { builtinModules } from "node:module";

/** The domains of the component, lowest floor first. A domain calls functions of its own floor or a lower one. */
export const FLOORS = [
  ["agents", "identity", "secrets", "audit"],
  ["conversations", "queue"],
  ["workers", "snapshots", "skills"],
  ["pool", "outbox", "channels", "schedules", "console", "retention"],
];

/** Adapters to the clouds. They know no domain, and only the pool knows them. */
export const PROVIDERS = "providers";

const DOMAINS = FLOORS.flat();
/** Files beside the domains that open them to callers; every other file beside the domains is one that they build on. */
const DOORS = ["lib", "http", "crons"];

const up = String.raw`^(?:\.\./)+`;
const anyOf = (/** @type {string[]} */ names) => `(?:${names.join("|")})`;

const outsideThePackage = {
  regex: `${up}${anyOf(["dev", "test", "example", "worker-image", "dist"])}/`,
  message: "What is shipped must not depend on development tools, tests, the example, the worker image or the build.",
};
const ownName = {
  regex: "^convex-agent-factory(?:/|$)",
  message: "Inside the package, import the file itself; the package's name is for the apps that install it.",
};
const node = {
  regex: `^(?:node:.*|${anyOf(builtinModules.filter((name) => !name.includes("/")))}(?:/.*)?)$`,
  message: "This code also runs where there is no Node: in Convex's runtime or in a browser.",
};
const testTools = {
  regex: `^(?:(?:vitest|vite|convex-test|fast-check)(?:/.*)?|(?:\\.\\./)+test\\.js|.*\\.test(?:-kit)?\\.js)$`,
  message: "Only tests import test tools.",
};
const foreignTables = {
  regex: String.raw`(?:^|/)component/(?:.*/)?(?:tables|schema)\.js$`,
  message: "Tables belong to their domain; types and validators that others need live in src/shared.",
};

/** @param {string[]} rooms folders of `src` */
const rooms = (rooms, /** @type {string} */ message) => ({ regex: `${up}(?:src/)?${anyOf(rooms)}/`, message });

const sharedIsTheBottom = rooms(
  ["component", "client", "react"],
  "src/shared is the bottom: it imports none of the other rooms.",
);
const componentIsBelow = rooms(
  ["client", "react"],
  "The component knows nothing of the app around it: client and react import it.",
);
const clientIsBelow = rooms(["react"], "Hooks build on the client, not the other way around.");
const workerSeesShared = {
  regex: `${up}src/(?!shared/)`,
  message: "A worker is a program of its own: it shares src/shared with the component, and nothing else.",
};
const workerIsApart = {
  regex: `${up}${anyOf(["dev", "test", "example", "dist"])}/`,
  message: "The worker image must not depend on development tools, tests, the example or the build.",
};
const exampleIsAnApp = {
  regex: `${up}${anyOf(["src", "dev", "test", "worker-image", "dist"])}/`,
  message: "The example is an app like any other: it imports the package by its name.",
};

/** Rules between the domains, for the files of `domain`. */
function domainPatterns(/** @type {string} */ domain, /** @type {number} */ floor) {
  const others = DOMAINS.filter((name) => name !== domain);
  const higher = FLOORS.slice(floor + 1).flat();
  const patterns = [
    {
      regex: String.raw`${up}${anyOf([...others, PROVIDERS])}/(?:.*/)?tables\.js$`,
      message: "A domain's tables are its own: call a function of that domain.",
    },
    {
      regex: String.raw`${up}${anyOf(others)}/(?:.*/)?(?:public|internal)\.js$`,
      message: "Registered functions are for callers from outside: import the plain function behind it.",
    },
    {
      regex: String.raw`${up}(?:schema|lib)\.js$`,
      message: "The schema and the public door import the domains; a domain reads its own tables.js.",
    },
  ];
  if (higher.length > 0) {
    patterns.push({
      regex: `${up}${anyOf(higher)}/`,
      message: `"${domain}" is on a lower floor: that domain may call this one, not the other way around.`,
    });
  }
  if (domain !== "pool") {
    patterns.push({ regex: `${up}${PROVIDERS}/`, message: "Only the pool knows providers." });
  }
  return patterns;
}

const providerPatterns = [
  { regex: `${up}${anyOf(DOMAINS)}/`, message: "A provider is an adapter: it is told everything and knows no domain." },
  { regex: String.raw`${up}(?:schema|lib)\.js$`, message: "A provider is an adapter: it has no tables." },
];
const foundationPatterns = [
  {
    regex: `^\\./${anyOf([...DOMAINS, PROVIDERS])}/`,
    message: "Every domain builds on this file, so it imports none of them.",
  },
];
const doorPatterns = [
  {
    regex: String.raw`^\./(?:.*/)?(?:tables|schema)\.js$`,
    message: "Only schema.ts and the domain itself import its tables.",
  },
];
const schemaPatterns = [
  {
    regex: String.raw`^\./(?!(?:.*/)?tables\.js$)`,
    message: "The schema merges the domains' tables and needs nothing else.",
  },
];

const room = (/** @type {string[]} */ files, /** @type {{ regex: string, message: string }[]} */ patterns) => ({
  files,
  rules: { "no-restricted-imports": ["error", { patterns }] },
});

const inPackage = [outsideThePackage, ownName, node, testTools];
const inComponent = [...inPackage, componentIsBelow];

/** Flat config blocks. The last block that matches a file decides, so the narrow ones come after the wide ones. */
export const layers = [
  room(["src/**"], inPackage),
  room(["src/shared/**"], [...inPackage, sharedIsTheBottom]),
  room(["src/client/**"], [...inPackage, clientIsBelow, foreignTables]),
  room(["src/react/**"], [...inPackage, foreignTables]),
  room(["src/component/**"], inComponent),
  room(["src/component/*"], [...inComponent, ...foundationPatterns]),
  room(
    DOORS.map((name) => `src/component/${name}.ts`),
    [...inComponent, ...doorPatterns],
  ),
  room(["src/component/schema.ts"], [...inComponent, ...schemaPatterns]),
  ...FLOORS.flatMap((domains, floor) =>
    domains.map((domain) => room([`src/component/${domain}/**`], [...inComponent, ...domainPatterns(domain, floor)])),
  ),
  room([`src/component/${PROVIDERS}/**`], [...inComponent, ...providerPatterns]),
  // A test sets its scene with whatever domain it needs; what it may not do is lean on another room of the repository.
  room(["src/**/*.test.{ts,tsx}", "src/**/*.test-kit.ts"], [outsideThePackage, ownName]),
  room(["src/test.ts"], [outsideThePackage, ownName, node]),
  room(["worker-image/**"], [workerSeesShared, workerIsApart, ownName]),
  room(["example/**"], [exampleIsAnApp]),
];

/** What the linter holds this repository to. Who may import whom stands in `eslint.layers.js`. */
import convex from "@convex-dev/eslint-plugin";
import reactHooks from "eslint-plugin-react-hooks";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";
import { layers } from "./eslint.layers.js";

const typescript = ["**/*.{ts,tsx}"];
const tests = ["**/*.test.{ts,tsx}", "**/*.test-kit.ts", "**/{testing,fixtures}/**", "test/**"];
const convexFunctions = ["src/component/**/*.ts", "example/convex/**/*.ts"];

const randomness = {
  object: "Math",
  property: "random",
  message:
    "Not for anything that must be unguessable. Take bytes from crypto.getRandomValues in an action, or have a random number passed in.",
};
const clock = { object: "Date", property: "now", message: "Pure code is told the time: take `nowMs` as an argument." };
const environment = {
  name: "process",
  message: "Declare the variable in convex.config.ts and read `env` of _generated/server.",
};
const dynamicImport = {
  selector: "ImportExpression",
  message: "Convex has no dynamic imports, and the layer rules could not see this one.",
};
const nodeRuntime = {
  selector: "ExpressionStatement[directive='use node']",
  message: "A component has no Node runtime: everything in it runs in Convex's own.",
};
const currentDate = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: "Pure code is told the time: take `nowMs` as an argument.",
};

export default defineConfig(
  globalIgnores([
    "**/node_modules/",
    "**/dist/",
    "**/_generated/",
    "**/.next/",
    "**/next-env.d.ts",
    ".demo/",
    "coverage/",
  ]),
  { linterOptions: { reportUnusedDisableDirectives: "error", reportUnusedInlineConfigs: "error" } },
  {
    rules: {
      eqeqeq: ["error", "always", { null: "ignore" }],
      "no-console": "error",
      "no-constant-binary-expression": "error",
      "no-self-compare": "error",
      "no-unreachable-loop": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
    },
  },
  {
    files: typescript,
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-unused-vars": [
        "error",
        { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true },
      ],
      // A number or a boolean reads the same in a sentence as in code; an object does not.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-unnecessary-condition": [
        "error",
        { allowConstantLoopConditions: "only-allowed-literals" },
      ],
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      // A handler or an interface method is asynchronous because its contract is, whether or not this one awaits.
      "@typescript-eslint/require-await": "off",
      // `return respond(...)` says that nothing follows, whatever the call returns.
      "@typescript-eslint/no-confusing-void-expression": "off",
      // A type parameter that is used once still names the argument that decides it.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
    },
  },
  {
    files: ["src/**/*.{ts,tsx}", "worker-image/src/**/*.ts"],
    ignores: tests,
    rules: {
      // Types are narrowed by checking, not by claiming.
      "@typescript-eslint/no-unsafe-type-assertion": "error",
      "max-lines": ["error", { max: 300 }],
    },
  },
  {
    files: convexFunctions,
    plugins: { "@convex-dev": convex },
    rules: {
      ...convex.configs.recommended[0].rules,
      "@convex-dev/import-wrong-runtime": "error",
      "@convex-dev/no-collect-in-query": "error",
      "@convex-dev/no-filter-in-query": "error",
      "@convex-dev/no-top-of-hour-crons": "error",
    },
  },
  {
    files: ["src/{shared,component,client}/**/*.ts"],
    ignores: tests,
    rules: {
      "no-restricted-properties": ["error", randomness],
      "no-restricted-syntax": ["error", dynamicImport, nodeRuntime],
      "no-restricted-globals": ["error", environment],
    },
  },
  {
    files: ["src/shared/**/*.ts"],
    ignores: tests,
    rules: {
      "no-restricted-properties": ["error", randomness, clock],
      "no-restricted-syntax": ["error", dynamicImport, nodeRuntime, currentDate],
      "no-restricted-globals": ["error", environment, "fetch", "setTimeout", "setInterval"],
    },
  },
  {
    files: ["src/react/**/*.{ts,tsx}", "example/**/*.{ts,tsx}"],
    extends: [reactHooks.configs.flat.recommended],
  },
  {
    files: tests,
    rules: {
      // A test that unwraps what is not there fails, which is what a test is for.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/unbound-method": "off",
      "@convex-dev/no-collect-in-query": "off",
    },
  },
  // Programs that talk to a person in a terminal, and the one file that writes the component's log lines.
  {
    files: ["dev/**", "example/**", "test/bench/**", "src/component/logging.ts", "**/*.{js,mjs}"],
    rules: { "no-console": "off" },
  },
  { files: ["**/*.{js,mjs,cjs}"], extends: [tseslint.configs.disableTypeChecked] },
  ...layers,
);

/** Bundles the worker and everything it needs into one file, `dist/main.mjs`, which is all an image has to contain besides Node. */
import { build } from "esbuild";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

await build({
  entryPoints: [here("src/main.ts")],
  outfile: here("dist/main.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  // The oldest Node that development runs on; the image runs a newer one.
  target: "node20.20",
  sourcemap: true,
  logLevel: "warning",
  // Some dependencies are CommonJS and call `require` for Node's own modules, which ESM does not have.
  banner: {
    js: 'import { createRequire as createRequireOfBundle } from "node:module"; const require = createRequireOfBundle(import.meta.url);',
  },
});

/**
 * Bundles the worker into one file, dependencies included, so that the image needs no `node_modules`.
 *
 * Usage: `node build.mjs [folder]`; the folder, `dist` when left out, is emptied first.
 */
import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

const outdir = resolve(process.argv[2] ?? here("dist"));
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: [here("src/main.ts")],
  outfile: join(outdir, "main.mjs"),
  bundle: true,
  platform: "node",
  format: "esm",
  // The oldest Node that development runs on; the image has a newer one.
  target: "node20.20",
  sourcemap: true,
  sourcesContent: false,
  legalComments: "linked",
  logLevel: "warning",
  // Some dependencies are CommonJS and ask for `require` and Node's own modules when they are loaded.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  define: { "process.env.WS_NO_BUFFER_UTIL": '"1"', "process.env.WS_NO_UTF_8_VALIDATE": '"1"' },
});

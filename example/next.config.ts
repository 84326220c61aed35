/** How Next.js builds and serves the example: from the repository's root, without telemetry or anything from the network. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { NextConfig } from "next";

const repositoryRoot = dirname(dirname(fileURLToPath(import.meta.url)));

// `npx convex dev` writes the deployment's URL beside package.json, one folder above the one Next.js looks in.
const environmentFile = join(repositoryRoot, ".env.local");
if (existsSync(environmentFile)) process.loadEnvFile(environmentFile);

const nextConfig: NextConfig = {
  reactStrictMode: true,
  // `npm run typecheck` checks the same types; who only wants to see the example run does not wait for it again.
  typescript: { ignoreBuildErrors: process.env["EXAMPLE_SKIP_TYPECHECK"] === "1" },
  poweredByHeader: false,
  devIndicators: false,
  // The package itself and all that is installed lie above this folder.
  turbopack: { root: repositoryRoot },
  outputFileTracingRoot: repositoryRoot,
  headers: async () => [
    {
      source: "/:path*",
      headers: [
        { key: "X-Content-Type-Options", value: "nosniff" },
        { key: "X-Frame-Options", value: "DENY" },
        { key: "Referrer-Policy", value: "no-referrer" },
      ],
    },
  ],
};

export default nextConfig;

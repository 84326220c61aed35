// @ts-check
/** The commands that build the worker image, store it and roll it out, as text. Pure: nothing is run, nothing is read. */

/**
 * @typedef {{ app: string, tag: string, builder: "fly" | "docker", digest: string | null, regions: string[], module: string, nodeImage: string | null }} ImageOptions
 */

export const USAGE = `Prints the commands that bring the worker image to your machines. It runs none of them.

  npx agent-factory image --app NAME [options]

  --app NAME          the Fly app whose registry and machines are used
  --tag TAG           what this build is called in the registry (default: release)
  --builder fly       build on Fly's builders (default), or "docker" to build on this machine
  --node-image IMAGE  the base image, pinned by its digest: docker.io/library/node:24-slim@sha256:...
  --digest sha256:... the digest of the stored image: prints the provider config that rolls it out
  --region CODE       a region, in order of preference; may be repeated (default: fra)
  --module NAME       the module of convex/ that exports your functions (default: agentFactory)`;

/** What a person typed does not fit; the message says what would. */
export class UsageError extends Error {}

/**
 * @param {readonly string[]} args without the program's name
 * @returns {ImageOptions | "help"}
 */
export function parseArguments(args) {
  const [command, ...rest] = args;
  if (command === undefined || command === "help" || args.includes("--help")) return "help";
  if (command !== "image") throw new UsageError(`There is no command "${command}"; there is: image.`);
  /** @type {Map<string, string[]>} */
  const given = new Map();
  for (let index = 0; index < rest.length; index += 2) {
    const [name = "", value] = [rest[index], rest[index + 1]];
    if (!Object.hasOwn(CHECKS, name)) throw new UsageError(`There is no option "${name}".`);
    const [pattern, example] = CHECKS[name] ?? [/^$/, ""];
    if (value === undefined || !pattern.test(value)) throw new UsageError(`${name} needs a value like ${example}.`);
    if (given.has(name) && name !== "--region") throw new UsageError(`${name} is given twice.`);
    given.set(name, [...(given.get(name) ?? []), value]);
  }
  const one = (/** @type {string} */ name) => given.get(name)?.[0];
  const app = one("--app");
  if (app === undefined) throw new UsageError("Say which Fly app: --app NAME.");
  return {
    app,
    tag: one("--tag") ?? "release",
    builder: one("--builder") === "docker" ? "docker" : "fly",
    digest: one("--digest") ?? null,
    regions: given.get("--region") ?? ["fra"],
    module: one("--module") ?? "agentFactory",
    nodeImage: one("--node-image") ?? null,
  };
}

/** Each option's form, and one that fits; what does not fit could be more than a name to a shell. @type {Record<string, [RegExp, string]>} */
const CHECKS = {
  "--app": [/^[a-z0-9][a-z0-9-]{0,62}$/, "my-agents"],
  "--tag": [/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/, "2026-01-31"],
  "--builder": [/^(fly|docker)$/, "fly"],
  "--node-image": [/^[a-z0-9][a-z0-9._/:-]*@sha256:[0-9a-f]{64}$/, "docker.io/library/node:24-slim@sha256:..."],
  "--digest": [/^sha256:[0-9a-f]{64}$/, "sha256: and 64 hexadecimal digits"],
  "--region": [/^[a-z]{3}$/, "fra"],
  "--module": [/^[A-Za-z0-9_]+(\/[A-Za-z0-9_]+)*$/, "agentFactory"],
};

/**
 * @param {ImageOptions} options
 * @returns {string} lines for a shell; what is not a command is a comment
 */
export function imageCommands(options) {
  return options.digest === null ? buildAndStore(options) : rollOut(options, options.digest);
}

/** @param {ImageOptions} options */
function buildAndStore({ app, tag, builder, nodeImage }) {
  const image = `registry.fly.io/${app}:${tag}`;
  const base = nodeImage === null ? "" : ` --build-arg NODE_IMAGE=${nodeImage}`;
  const lines = [
    "# 1. Build and store the image, from the root of a checkout of convex-agent-factory.",
    ...(nodeImage === null ? ["#    For a release, pin the base image with --node-image."] : []),
  ];
  if (builder === "fly") {
    lines.push(
      `fly deploy . --config worker-image/fly.toml --app ${app} --build-only --push --image-label ${tag} --remote-only --depot=false${base}`,
    );
  } else {
    lines.push(
      "fly auth docker",
      `docker build --platform linux/amd64 --file worker-image/Dockerfile${base} --tag ${image} .`,
      `docker push ${image}`,
    );
  }
  lines.push(
    "",
    "# 2. Read its digest. A tag may mean another image tomorrow; a digest never does.",
    `docker buildx imagetools inspect ${image} --format '{{.Manifest.Digest}}'`,
    "",
    "# 3. See how to roll it out.",
    `npx agent-factory image --app ${app} --digest sha256:...`,
  );
  return lines.join("\n");
}

/**
 * @param {ImageOptions} options
 * @param {string} digest
 */
function rollOut({ app, regions, module }, digest) {
  const image = `registry.fly.io/${app}@${digest}`;
  const config = { providerConfig: { kind: "fly", appName: app, image, regions } };
  return [
    "# 1. Store it in your deployment, as an admin of your app. It replaces the whole config: add what else yours has.",
    `npx convex run ${module}:setProviderRuntimeConfig '${JSON.stringify(config)}' --identity '{"subject":"YOUR_ADMIN"}'`,
    "",
    "# 2. New machines have the new image from now on; those that run go on until they are idle.",
    `npx convex run ${module}:listWorkers '{}' --identity '{"subject":"YOUR_ADMIN"}'`,
    "",
    "# To go back, store the digest of before.",
  ].join("\n");
}

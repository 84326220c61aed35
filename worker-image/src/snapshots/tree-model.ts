/** What a tree of files looks like without touching a disk: enough to follow every symbolic link on paper. Pure. */

export type TreeNode = { kind: "directory" } | { kind: "file" } | { kind: "symlink"; target: string };

/** Nodes by their path below the root, parts joined by `/`. The root itself is not listed. */
export type TreeModel = ReadonlyMap<string, TreeNode>;

/** Where a link leads: inside the root (whether or not something is there), out of it, or round in a circle. */
export type LinkVerdict = "inside" | "escape" | "loop";

/** The kernel gives up after 40 links too. */
const MAX_LINKS_FOLLOWED = 40;

/**
 * Follows the symbolic link at `linkPath` the way the kernel would, through other links, and says where it ends.
 *
 * A `..` behind a part that does not exist counts as an escape: what that part will become is not known yet.
 */
export function judgeLink(tree: TreeModel, linkPath: readonly string[], target: string): LinkVerdict {
  if (target === "" || target.includes("\0") || target.startsWith("/")) return "escape";

  let position = linkPath.slice(0, -1);
  const pending = target.split("/").reverse();
  let linksFollowed = 1;
  let missing = false;

  for (let part = pending.pop(); part !== undefined; part = pending.pop()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (missing || position.length === 0) return "escape";
      position = position.slice(0, -1);
      continue;
    }
    const next = [...position, part];
    const node: TreeNode | undefined = missing ? undefined : tree.get(next.join("/"));
    if (node?.kind === "symlink") {
      if (++linksFollowed > MAX_LINKS_FOLLOWED) return "loop";
      if (node.target.startsWith("/")) return "escape";
      pending.push(...node.target.split("/").reverse());
      continue;
    }
    missing ||= node === undefined;
    position = next;
  }
  return "inside";
}

/** How clients name functions: `module:function`, or `module` for its default export. Pure. */

/** Adds the `:default` that may be left out and drops the `.js` that older clients send, so that one function has one name. */
export function canonicalPath(path: string): string {
  const colon = path.lastIndexOf(":");
  const module = colon === -1 ? path : path.slice(0, colon);
  const name = colon === -1 ? "default" : path.slice(colon + 1);
  return `${module.endsWith(".js") ? module.slice(0, -".js".length) : module}:${name}`;
}

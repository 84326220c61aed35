/** The `crypto` that functions see: without what Convex's runtime lacks, so that its absence shows before a deployment. */
import { webcrypto } from "node:crypto";

/** Exist in Node, but in no Convex function. */
const MISSING = new Set<PropertyKey>(["wrapKey", "unwrapKey"]);

/** @param isTransaction in queries and mutations, no keys can be generated: their randomness is not secret. */
export function createFunctionCrypto(isTransaction: boolean): typeof webcrypto {
  const subtle = new Proxy(webcrypto.subtle, {
    get: (target, name): unknown => {
      if (MISSING.has(name)) return undefined;
      if (isTransaction && name === "generateKey") return refuseKeys;
      return bound(target, name);
    },
  });
  return new Proxy(webcrypto, { get: (target, name): unknown => (name === "subtle" ? subtle : bound(target, name)) });
}

function refuseKeys(): never {
  throw new Error("Keys cannot be generated in Convex queries or mutations. Move this code to an action.");
}

/** Web Crypto's functions insist on being called on the real object. */
function bound(target: object, name: PropertyKey): unknown {
  const value: unknown = Reflect.get(target, name, target);
  if (typeof value !== "function") return value;
  return (...args: unknown[]): unknown => Reflect.apply(value, target, args);
}

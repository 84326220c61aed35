/** What `components.x` may lead to: functions that the component has made public, and nothing else. */
import { getFunctionAddress } from "convex/server";
import type { FunctionRegistry } from "./functions.js";

const CHILD = "_reference/childComponent/";

/**
 * convex-test follows a reference into a component to any function, internal ones too, which a deployment refuses.
 *
 * @param callerPath the component that makes the call.
 * @param reference as `components.x.module.fn` is sent, `_reference/childComponent/x/module/fn`.
 * @throws if the function is internal or does not exist.
 */
export function checkReference(functions: FunctionRegistry, callerPath: string, reference: string): void {
  if (!reference.startsWith(CHILD)) return;
  const [child = "", ...parts] = reference.slice(CHILD.length).split("/");
  const componentPath = callerPath === "" ? child : `${callerPath}/${child}`;
  const path = `${parts.slice(0, -1).join("/")}:${parts.at(-1) ?? ""}`;
  const found = functions.find(componentPath, path);
  if (found === undefined) throw new Error(`Component "${componentPath}" has no function "${path}".`);
  if (!found.isPublic) {
    throw new Error(
      `Function "${path}" of component "${componentPath}" is internal: only the component itself can call it.`,
    );
  }
}

/** @returns `_reference/…` of a function reference, or `null` if it is not one into a component. */
export function referenceOf(functionReference: unknown): string | null {
  // `getFunctionAddress` takes whatever a caller passed for a function, and throws if it is none.
  const address: { reference?: string } = getFunctionAddress(
    functionReference as Parameters<typeof getFunctionAddress>[0],
  );
  return address.reference ?? null;
}

/** The operator's code in this tab: taken from the address bar or a form, kept until the tab closes. */
const STORAGE_KEY = "agent-factory.operator-code";
const FRAGMENT_PARAMETER = "operator";

/**
 * Splits the operator's code off a URL fragment (`#operator=...`).
 *
 * A fragment never reaches a server, and what is taken out of it does not stay in the browser's history either.
 */
export function splitOperatorCode(fragment: string): { code: string | null; rest: string } {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ""));
  const code = parameters.get(FRAGMENT_PARAMETER);
  if (code === null) return { code: null, rest: fragment };
  parameters.delete(FRAGMENT_PARAMETER);
  const rest = parameters.toString();
  return { code: code.trim() === "" ? null : code.trim(), rest: rest === "" ? "" : `#${rest}` };
}

/** Moves a code from the address bar into the tab's storage; returns it if there was one. */
export function takeOperatorCodeFromAddress(): string | null {
  const { code, rest } = splitOperatorCode(location.hash);
  if (rest !== location.hash) {
    history.replaceState(history.state, "", `${location.pathname}${location.search}${rest}`);
  }
  if (code !== null) storeOperatorCode(code);
  return code;
}

export function storedOperatorCode(): string | null {
  try {
    return sessionStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

/** `null` forgets it. */
export function storeOperatorCode(code: string | null): void {
  try {
    if (code === null) sessionStorage.removeItem(STORAGE_KEY);
    else sessionStorage.setItem(STORAGE_KEY, code);
  } catch {
    // Storage is blocked; the code then works until the page is reloaded.
  }
}

/** The random secret that is this browser's identity: made once, kept in its storage, never shown. */
const STORAGE_KEY = "agent-factory.session-secret";
const SECRET_BYTES = 32;

/** A browser that refuses storage still gets a session, for as long as the page is open. */
let secretOfThisPage: string | null = null;

export function sessionSecret(): string {
  const stored = readStored();
  if (stored !== null) return stored;
  secretOfThisPage ??= newSecret();
  try {
    localStorage.setItem(STORAGE_KEY, secretOfThisPage);
  } catch {
    // Storage is blocked or full; the secret lives in memory.
  }
  return secretOfThisPage;
}

function readStored(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}

function newSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

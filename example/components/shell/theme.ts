/** Light or dark: the visitor's choice if they made one, their system's otherwise. */
export type Theme = "light" | "dark";

const STORAGE_KEY = "agent-factory.theme";

/** Runs before the first paint, so that no page flashes in the wrong colors. */
export const THEME_SCRIPT = `(() => {
  let theme = null;
  try { theme = localStorage.getItem("${STORAGE_KEY}"); } catch {}
  if (theme !== "light" && theme !== "dark") theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = theme;
})();`;

export function currentTheme(): Theme {
  return document.documentElement.dataset["theme"] === "dark" ? "dark" : "light";
}

export function chooseTheme(theme: Theme): void {
  document.documentElement.dataset["theme"] = theme;
  try {
    localStorage.setItem(STORAGE_KEY, theme);
  } catch {
    // Storage is blocked; the choice lasts until the page is reloaded.
  }
}

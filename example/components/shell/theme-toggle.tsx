"use client";
/** Switches between light and dark. */
import { MoonIcon, SunIcon } from "../ui/icons";
import { chooseTheme, currentTheme } from "./theme";

export function ThemeToggle() {
  return (
    <button
      type="button"
      aria-label="Switch between light and dark"
      className="grid size-8 place-items-center rounded-lg text-ink-soft transition hover:bg-raised hover:text-ink"
      onClick={() => chooseTheme(currentTheme() === "dark" ? "light" : "dark")}
    >
      <SunIcon className="hidden size-4 dark:block" />
      <MoonIcon className="size-4 dark:hidden" />
    </button>
  );
}

"use client";
/** The bar on top of every page: where one is, where one can go, whether what one sees is live. */
import Link from "next/link";
import { usePathname } from "next/navigation";
import { Logo } from "../ui/icons";
import { LiveIndicator } from "./live-indicator";
import { ThemeToggle } from "./theme-toggle";

const PAGES = [
  { href: "/", title: "Chat" },
  { href: "/fleet", title: "Fleet" },
];

export function TopBar() {
  const pathname = usePathname();
  return (
    <header className="flex h-13 shrink-0 items-center gap-5 border-b border-line bg-canvas px-4 sm:px-5">
      <Link href="/" className="flex items-center gap-2 rounded-md font-semibold tracking-tight">
        <Logo className="size-5 text-accent" />
        <span className="hidden sm:inline">Agent Factory</span>
      </Link>
      <nav aria-label="Pages" className="flex items-center gap-1">
        {PAGES.map(({ href, title }) => (
          <Link
            key={href}
            href={href}
            aria-current={pathname === href ? "page" : undefined}
            className="rounded-lg px-2.5 py-1 text-[13px] font-medium text-ink-soft transition hover:text-ink aria-[current=page]:bg-raised aria-[current=page]:text-ink"
          >
            {title}
          </Link>
        ))}
      </nav>
      <div className="ml-auto flex items-center gap-2">
        <LiveIndicator />
        <ThemeToggle />
      </div>
    </header>
  );
}

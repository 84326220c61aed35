/** The frame of every page: theme before first paint, session, top bar. */
import type { Metadata, Viewport } from "next";
import { connection } from "next/server";
import type { ReactNode } from "react";
import { SessionProvider } from "../components/session/session-provider";
import { ConnectionBanner } from "../components/shell/connection-banner";
import { MissingDeployment } from "../components/shell/missing-deployment";
import { THEME_SCRIPT } from "../components/shell/theme";
import { TopBar } from "../components/shell/top-bar";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Agent Factory", template: "%s · Agent Factory" },
  description: "Every user has an agent; every agent has a machine only while it works.",
};

export const viewport: Viewport = {
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#fbfbfc" },
    { media: "(prefers-color-scheme: dark)", color: "#0a0a0c" },
  ],
};

/** Looked up by name at run time, so that one build serves any deployment; a literal access would be fixed at build time. */
const CONVEX_URL_VARIABLE: string = "NEXT_PUBLIC_CONVEX_URL";

export default async function RootLayout({ children }: { children: ReactNode }) {
  await connection();
  const convexUrl = process.env[CONVEX_URL_VARIABLE];
  return (
    <html lang="en" suppressHydrationWarning>
      <head>
        <script dangerouslySetInnerHTML={{ __html: THEME_SCRIPT }} />
      </head>
      <body className="font-sans">
        {convexUrl === undefined || convexUrl === "" ? (
          <MissingDeployment variable={CONVEX_URL_VARIABLE} />
        ) : (
          <SessionProvider convexUrl={convexUrl}>
            <div className="flex h-dvh flex-col">
              <TopBar />
              <ConnectionBanner />
              {children}
            </div>
          </SessionProvider>
        )}
      </body>
    </html>
  );
}

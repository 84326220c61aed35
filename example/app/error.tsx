"use client";
/** What a page shows when one of its queries failed: the reason in plain words, and a way on. */
import { useEffect } from "react";
import { Notice } from "../components/ui/notice";
import { Button } from "../components/ui/button";
import { describeError } from "../lib/describe-error";

export default function PageError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  useEffect(() => console.error(error), [error]);
  return (
    <main className="mx-auto flex w-full max-w-xl flex-1 items-center px-5">
      <Notice tone="bad" title="This page could not be shown" action={<Button onClick={reset}>Try again</Button>}>
        {describeError(error)}
      </Notice>
    </main>
  );
}

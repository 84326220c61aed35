"use client";
/** What a page shows instead of its content when the visitor could not be signed in. */
import { Button } from "../ui/button";
import { Notice } from "../ui/notice";
import { useSession } from "./session-provider";

export function SessionFailure() {
  const { failure, retry } = useSession();
  if (failure === null) return null;
  return (
    <div className="mx-auto w-full max-w-2xl px-5 py-10">
      <Notice tone="bad" title="Signing in failed" action={<Button onClick={retry}>Try again</Button>}>
        {failure}
      </Notice>
    </div>
  );
}

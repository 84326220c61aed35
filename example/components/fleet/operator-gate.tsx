"use client";
/** Asks for the operator's code; the deployment checks it, this page only carries it there. */
import { useState, type SyntheticEvent } from "react";
import { useSession } from "../session/session-provider";
import { Button } from "../ui/button";
import { LockIcon } from "../ui/icons";

export function OperatorGate() {
  const { setOperatorCode, isOperatorCodeRejected } = useSession();
  const [code, setCode] = useState("");

  function submit(event: SyntheticEvent): void {
    event.preventDefault();
    const trimmed = code.trim();
    if (trimmed !== "") setOperatorCode(trimmed);
  }

  return (
    <main className="grid flex-1 place-items-center overflow-y-auto px-5 py-10">
      <form onSubmit={submit} className="w-full max-w-sm">
        <span className="grid size-11 place-items-center rounded-2xl bg-raised text-ink-soft">
          <LockIcon className="size-5" />
        </span>
        <h1 className="mt-5 text-xl font-semibold tracking-tight">The fleet is for operators</h1>
        <p className="mt-1.5 text-ink-soft">
          Enter the operator code of this deployment. It is the value of its environment variable{" "}
          <code className="font-mono text-[13px]">OPERATOR_CODE</code>.
        </p>
        <label htmlFor="operator-code" className="mt-6 block text-[13px] font-medium">
          Operator code
        </label>
        <div className="mt-1.5 flex gap-2">
          <input
            id="operator-code"
            type="password"
            autoComplete="off"
            spellCheck={false}
            value={code}
            aria-invalid={isOperatorCodeRejected}
            aria-describedby={isOperatorCodeRejected ? "operator-code-problem" : undefined}
            onChange={(event) => setCode(event.target.value)}
            className="h-9 min-w-0 flex-1 rounded-lg border border-line-strong bg-surface px-3 font-mono text-[13px] focus:border-ink-faint"
          />
          <Button type="submit" weight="primary" className="h-9" disabled={code.trim() === ""}>
            Open
          </Button>
        </div>
        {isOperatorCodeRejected && (
          <p id="operator-code-problem" role="alert" className="mt-2 text-[13px] text-bad">
            The deployment does not accept this code. Check it for missing characters.
          </p>
        )}
      </form>
    </main>
  );
}

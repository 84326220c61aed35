/** The chat page before the first message: what will happen, and things worth trying. */
import { Logo } from "../ui/icons";

const SUGGESTIONS = [
  "Remember that the launch is on Friday",
  "Remember to water the plants every Tuesday",
  "List my notes",
  "Send me my notes as a file",
];

export function EmptyConversation({ onPick }: { onPick: (text: string) => void }) {
  return (
    <div className="flex min-h-0 flex-1 flex-col items-center justify-center overflow-y-auto px-5 py-8">
      <div className="w-full max-w-xl">
        <span className="grid size-11 place-items-center rounded-2xl bg-accent-wash text-accent">
          <Logo className="size-5.5" />
        </span>
        <h1 className="mt-5 text-2xl font-semibold tracking-tight">Say something to your agent</h1>
        <p className="mt-2 text-[15px] text-ink-soft">
          It is yours alone. A machine starts when you write, keeps what it learns in a workspace that outlives it, and
          sleeps again when you are done.
        </p>
        <ul className="mt-7 grid gap-2 sm:grid-cols-2">
          {SUGGESTIONS.map((text) => (
            <li key={text}>
              <button
                type="button"
                onClick={() => onPick(text)}
                className="h-full w-full rounded-xl border border-line bg-surface px-4 py-3 text-left text-[13px] text-ink-soft transition hover:border-line-strong hover:text-ink"
              >
                {text}
              </button>
            </li>
          ))}
        </ul>
      </div>
    </div>
  );
}

/** What a wrong address shows. */
import Link from "next/link";

export default function NotFound() {
  return (
    <main className="mx-auto flex w-full max-w-xl flex-1 flex-col justify-center gap-2 px-5">
      <h1 className="text-lg font-semibold">There is nothing at this address</h1>
      <p className="text-ink-soft">
        Go to the{" "}
        <Link href="/" className="text-accent underline underline-offset-4">
          chat
        </Link>{" "}
        or the{" "}
        <Link href="/fleet" className="text-accent underline underline-offset-4">
          fleet
        </Link>
        .
      </p>
    </main>
  );
}

/** The chat page while the session and the conversation are on their way. */
import { Skeleton } from "../ui/skeleton";

export function ConversationSkeleton() {
  return (
    <main className="mx-auto flex w-full max-w-3xl flex-1 flex-col gap-7 px-5 pt-10" aria-busy="true">
      <p className="sr-only" role="status">
        Loading the conversation
      </p>
      <Skeleton className="h-10 w-56 self-end rounded-2xl" />
      <div className="flex gap-3.5">
        <Skeleton className="size-7 rounded-full" />
        <div className="flex flex-1 flex-col gap-2 pt-1">
          <Skeleton className="h-4 w-4/5" />
          <Skeleton className="h-4 w-3/5" />
        </div>
      </div>
      <Skeleton className="h-10 w-72 self-end rounded-2xl" />
    </main>
  );
}

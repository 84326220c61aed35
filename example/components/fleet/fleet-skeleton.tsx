/** The fleet page while its numbers are on their way. */
import { Skeleton } from "../ui/skeleton";

export function FleetSkeleton() {
  return (
    <main className="mx-auto w-full max-w-6xl flex-1 px-5 py-8" aria-busy="true">
      <p className="sr-only" role="status">
        Loading the fleet
      </p>
      <Skeleton className="h-8 w-40" />
      <div className="mt-6 grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-6">
        {Array.from({ length: 6 }, (_, index) => (
          <Skeleton key={index} className="h-20 rounded-2xl" />
        ))}
      </div>
      <Skeleton className="mt-4 h-56 w-full rounded-2xl" />
      <Skeleton className="mt-4 h-40 w-full rounded-2xl" />
    </main>
  );
}

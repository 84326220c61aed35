/** The outline of what is being loaded; said once to screen readers by whoever uses it. */
export function Skeleton({ className = "" }: { className?: string }) {
  return <span aria-hidden className={`pulse block rounded-md bg-raised ${className}`} />;
}

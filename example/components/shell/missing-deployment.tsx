/** What every page shows when the app does not know its Convex deployment. */
export function MissingDeployment({ variable }: { variable: string }) {
  return (
    <main className="mx-auto flex min-h-dvh max-w-xl flex-col justify-center gap-3 px-5">
      <h1 className="text-lg font-semibold">No Convex deployment is configured</h1>
      <p className="text-ink-soft">
        Set <code className="font-mono text-[13px]">{variable}</code> to the URL of a deployment and start the app
        again. <code className="font-mono text-[13px]">npm run demo</code> does all of it on this machine;{" "}
        <code className="font-mono text-[13px]">npx convex dev</code> writes it to{" "}
        <code className="font-mono text-[13px]">.env.local</code>.
      </p>
    </main>
  );
}

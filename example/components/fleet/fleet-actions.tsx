"use client";
/** What an operator can set off by hand; all of it also happens by itself. */
import { useAction, useMutation } from "convex/react";
import { useState } from "react";
import { api } from "../../convex/_generated/api";
import { describeError } from "../../lib/describe-error";
import { plural } from "../../lib/format";
import { Button } from "../ui/button";

interface Outcome {
  isError: boolean;
  text: string;
}

export function FleetActions() {
  const startWorkers = useAction(api.agentFactory.startWorkers);
  const recoverQueue = useMutation(api.agentFactory.recoverQueue);
  const cleanUp = useAction(api.agentFactory.runFlyCleanup);
  const [running, setRunning] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<Outcome | null>(null);

  async function run(name: string, action: () => Promise<string>): Promise<void> {
    setRunning(name);
    setOutcome(null);
    try {
      setOutcome({ isError: false, text: await action() });
    } catch (error) {
      setOutcome({ isError: true, text: describeError(error) });
    } finally {
      setRunning(null);
    }
  }

  const actions = [
    {
      name: "Reconcile now",
      title: "Compares what runs with what is needed, and starts or ends machines",
      run: async () => {
        const { activeWorkers, spawned, terminated } = await startWorkers({});
        return `Reconciled: ${plural(activeWorkers, "machine")}, ${spawned} started, ${terminated} ended.`;
      },
    },
    {
      name: "Recover queue",
      title: "Takes messages back from workers that have fallen silent",
      run: async () => {
        const { requeued } = await recoverQueue({});
        return requeued === 0 ? "Nothing was stuck." : `${plural(requeued, "message")} back in the queue.`;
      },
    },
    {
      name: "Clean up",
      title: "Destroys machines and volumes of this deployment that serve nobody any more",
      run: async () => {
        const { machinesDeleted, machinesRemaining, volumesDeleted, warnings, errors } = await cleanUp({});
        const done = `${plural(machinesDeleted, "machine")} and ${plural(volumesDeleted, "volume")} destroyed`;
        return [`${done}, ${plural(machinesRemaining, "machine")} kept.`, ...errors, ...warnings].join(" ");
      },
    },
  ];
  return (
    <>
      <p
        role={outcome?.isError === true ? "alert" : "status"}
        className={`max-w-md text-[13px] empty:absolute ${outcome?.isError === true ? "text-bad" : "text-ink-soft"}`}
      >
        {outcome?.text}
      </p>
      {actions.map((action) => (
        <Button
          key={action.name}
          disabled={running !== null}
          title={action.title}
          aria-busy={running === action.name}
          onClick={() => void run(action.name, action.run)}
        >
          {running === action.name ? "Working…" : action.name}
        </Button>
      ))}
    </>
  );
}

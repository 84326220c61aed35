"use client";
/** The fleet page: for operators everything that runs and waits, for others the way to become one. */
import { useSession } from "../session/session-provider";
import { SessionFailure } from "../session/session-failure";
import { useMe } from "../session/use-me";
import { FleetDashboard } from "./fleet-dashboard";
import { FleetSkeleton } from "./fleet-skeleton";
import { OperatorGate } from "./operator-gate";

export function FleetScreen() {
  const { failure } = useSession();
  const me = useMe();
  if (failure !== null) return <SessionFailure />;
  if (me === undefined) return <FleetSkeleton />;
  return me.isOperator ? <FleetDashboard /> : <OperatorGate />;
}

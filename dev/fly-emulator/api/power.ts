/** What a caller does to a running machine: start, stop, suspend, restart, signal, cordon. */
import { CAPACITY_ERRORS, invalidArgument, notFound } from "../model/errors.js";
import { readStop } from "../model/configuration.js";
import { RESERVING_STATES, type MachineRecord } from "../model/machine.js";
import { fitsOnItsHost } from "../model/placement.js";
import { MACHINE, ok, type ApiRequest, type ApiResponse, type Route, type Services } from "./route.js";
import { type FlyAction } from "../faults/kinds.js";

const SIGNALS = [
  "SIGABRT",
  "SIGALRM",
  "SIGFPE",
  "SIGHUP",
  "SIGILL",
  "SIGINT",
  "SIGKILL",
  "SIGPIPE",
  "SIGQUIT",
  "SIGSEGV",
  "SIGTERM",
  "SIGTRAP",
  "SIGUSR1",
  "SIGUSR2",
] as const;

type Act = (machine: MachineRecord, request: ApiRequest) => ApiResponse;

export function powerRoutes(services: Services): Route[] {
  const { world, lifecycle, steps } = services;
  const post = (path: string, action: FlyAction, act: Act): Route => ({
    method: "POST",
    template: `${MACHINE}/${path}`,
    action,
    scope: "machine",
    leased: true,
    handle(request) {
      const machine = world.machineOf(request.app, request.parameters.machine_id ?? "");
      if (machine.state === "destroyed") throw notFound("machine");
      return act(machine, request);
    },
  });
  const cordon = (cordoned: boolean): Act => {
    return (machine) => {
      machine.cordoned = cordoned;
      world.touch(machine);
      return ok();
    };
  };
  return [
    post("start", "machine_start", (machine) => {
      const reserved = RESERVING_STATES.has(machine.state);
      if (!reserved && !fitsOnItsHost(world, machine, machine.configuration.guest.memoryMb)) {
        throw CAPACITY_ERRORS.could_not_reserve();
      }
      return ok({ previous_state: lifecycle.start(machine), migrated: false, new_host: "" });
    }),
    post("stop", "machine_stop", (machine, { body, faults }) => {
      const stuck = faults.some((fault) => fault.kind === "stuck");
      lifecycle.stop(machine, readStop(body, machine.configuration.stop), { stuck });
      return ok();
    }),
    post("suspend", "machine_suspend", (machine, { faults }) => {
      lifecycle.suspend(machine);
      steps.runtimeOf(machine).coldResume = faults.some((fault) => fault.kind === "cold_resume");
      return ok();
    }),
    post("restart", "machine_restart", (machine, { query }) => {
      const how = { signal: query.get("signal"), timeout: query.get("timeout") };
      lifecycle.restart(machine, readStop(how, machine.configuration.stop));
      return ok();
    }),
    post("signal", "machine_signal", (machine, { body }) => {
      const signal = SIGNALS.find((name) => name === body.signal);
      if (signal === undefined) throw invalidArgument(`signal must be one of ${SIGNALS.join(", ")}`);
      lifecycle.signal(machine, signal);
      return ok();
    }),
    post("cordon", "machine_cordon", cordon(true)),
    post("uncordon", "machine_uncordon", cordon(false)),
  ];
}

/** A machine's metadata, which changes without a new version of the machine. */
import { failedPrecondition, invalidArgument, notFound } from "../model/errors.js";
import { metadataOf, readStrings } from "../model/configuration.js";
import { type MachineRecord } from "../model/machine.js";
import { MACHINE, noContent, ok, type ApiRequest, type ApiResponse, type Route, type Services } from "./route.js";

const METADATA = `${MACHINE}/metadata`;
const METADATA_KEY = `${METADATA}/{key}`;

export function metadataRoutes({ world }: Services): Route[] {
  const machineOf = (request: ApiRequest): MachineRecord => {
    const machine = world.machineOf(request.app, request.parameters.machine_id ?? "");
    if (machine.state === "destroyed") throw notFound("machine");
    return machine;
  };
  const write = (machine: MachineRecord, metadata: Record<string, string>): ApiResponse => {
    machine.config = { ...machine.config, metadata };
    world.touch(machine);
    return noContent;
  };
  const writeAll = (merge: boolean) => {
    return (request: ApiRequest): ApiResponse => {
      const machine = machineOf(request);
      const version = request.body.machine_version;
      if (typeof version === "string" && version !== machine.instanceId) {
        throw failedPrecondition("machine version mismatch");
      }
      const given = readStrings(request.body.metadata, "metadata");
      return write(machine, merge ? { ...metadataOf(machine.config), ...given } : given);
    };
  };
  const shared = { scope: "machine" } as const;
  return [
    {
      ...shared,
      method: "GET",
      template: METADATA,
      action: "metadata_get",
      handle: (request) => ok(metadataOf(machineOf(request).config)),
    },
    {
      ...shared,
      method: "GET",
      template: METADATA_KEY,
      action: "metadata_get_key",
      handle(request) {
        const value = metadataOf(machineOf(request).config)[request.parameters.key ?? ""];
        if (value === undefined) throw notFound("metadata key");
        return ok({ value });
      },
    },
    {
      ...shared,
      method: "POST",
      template: METADATA_KEY,
      action: "metadata_set",
      leased: true,
      handle(request) {
        const { value } = request.body;
        if (typeof value !== "string") throw invalidArgument("value must be a string");
        const machine = machineOf(request);
        return write(machine, { ...metadataOf(machine.config), [request.parameters.key ?? ""]: value });
      },
    },
    {
      ...shared,
      method: "DELETE",
      template: METADATA_KEY,
      action: "metadata_delete",
      leased: true,
      handle(request) {
        const machine = machineOf(request);
        const { [request.parameters.key ?? ""]: _removed, ...rest } = metadataOf(machine.config);
        return write(machine, rest);
      },
    },
    { ...shared, method: "PUT", template: METADATA, action: "metadata_update", leased: true, handle: writeAll(false) },
    { ...shared, method: "PATCH", template: METADATA, action: "metadata_update", leased: true, handle: writeAll(true) },
  ];
}

/** Where machines and volumes fit: hosts have finite memory and disk, and a volume never leaves its host. */
import { type HostOptions } from "../options.js";
import { invalidArgument } from "./errors.js";
import { RESERVING_STATES } from "./machine.js";
import { type World } from "./world.js";

/** The hosts of a region; throws 400 for a region that is none, such as the aliases `any` and `eu`. */
export function hostsOf(world: World, region: string): readonly HostOptions[] {
  const hosts = world.hosts.filter((host) => host.region === region);
  if (hosts.length === 0) throw invalidArgument(`region "${region}" not found`);
  return hosts;
}

export function freeMemoryMb(world: World, host: HostOptions, exceptMachineId?: string): number {
  let free = host.memoryMb;
  for (const machine of world.machines.values()) {
    if (machine.id === exceptMachineId || machine.hostId !== host.id || !RESERVING_STATES.has(machine.state)) continue;
    free -= machine.configuration.guest.memoryMb;
  }
  return free;
}

export function freeVolumeGb(world: World, host: HostOptions): number {
  let free = host.volumeGb;
  for (const volume of world.volumes.values()) if (volume.hostId === host.id) free -= volume.sizeGb;
  return free;
}

/** The roomiest host of the region that takes a machine of this size, or `undefined` when none does. */
export function placeMachine(world: World, region: string, memoryMb: number): HostOptions | undefined {
  const [roomiest] = [...hostsOf(world, region)].sort((a, b) => freeMemoryMb(world, b) - freeMemoryMb(world, a));
  return roomiest !== undefined && freeMemoryMb(world, roomiest) >= memoryMb ? roomiest : undefined;
}

/** The roomiest host for a volume; with a memory hint only one on which such a machine fits beside it. */
export function placeVolume(
  world: World,
  wanted: { region: string; sizeGb: number; memoryMb: number; avoidHostIds: ReadonlySet<string> },
): HostOptions | undefined {
  return [...hostsOf(world, wanted.region)]
    .filter((host) => !wanted.avoidHostIds.has(host.id))
    .filter((host) => freeVolumeGb(world, host) >= wanted.sizeGb && freeMemoryMb(world, host) >= wanted.memoryMb)
    .sort((a, b) => freeVolumeGb(world, b) - freeVolumeGb(world, a))
    .at(0);
}

/** Whether a machine that lives on a host, or comes to a volume there, can have this much memory on it. */
export function fitsOnItsHost(world: World, occupant: { hostId: string; id?: string }, memoryMb: number): boolean {
  const host = world.hosts.find((candidate) => candidate.id === occupant.hostId);
  return host !== undefined && freeMemoryMb(world, host, occupant.id) >= memoryMb;
}

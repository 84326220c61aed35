/** The emulator's one door: Fly's Machines API on loopback, with real processes for machines. */
export { startFlyEmulator, type FlyEmulator, type InspectedMachine } from "./emulator.js";
export { type Bill } from "./billing/meter.js";
export { type BrokenAnswer, type FaultKind, type FaultMatch, type FaultRule, type FlyAction } from "./faults/kinds.js";
export { type FaultHandle, type FaultRegistry } from "./faults/registry.js";
export { type MachineState } from "./model/machine.js";
export { type FlyEmulatorOptions, type HostOptions, type Latencies, type Latency } from "./options.js";
export { type MachineImage, type Paging, type RateLimits } from "./options.js";
export { type RecordedRequest, type Recorder } from "./recorder.js";

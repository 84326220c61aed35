/** Replaces those of convex-test's syscalls that a real backend answers differently. */
import type { ConvexTestInternals } from "./convex-test-internals.js";
import type { StorageSyscalls } from "./storage-syscalls.js";

export interface SyscallHandlers {
  storage: StorageSyscalls;
}

export function installSyscalls(internals: ConvexTestInternals, { storage }: SyscallHandlers): void {
  const { global, executionStorage } = internals;
  const { asyncSyscall, jsSyscall } = global;
  const componentPath = (): string => executionStorage.getStore()?.componentPath ?? "";
  global.asyncSyscall = async (operation, jsonArgs) => {
    if (!operation.startsWith("1.0/storage")) return await asyncSyscall(operation, jsonArgs);
    const answer = await storage.perform(componentPath(), operation, JSON.parse(jsonArgs));
    return answer === undefined ? await asyncSyscall(operation, jsonArgs) : JSON.stringify(answer.json);
  };
  global.jsSyscall = async (operation, args) => {
    const answer = await storage.performJs(componentPath(), operation, args);
    return answer === undefined ? await jsSyscall(operation, args) : answer.value;
  };
}

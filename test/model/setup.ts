/** The small deployment that every run begins with: two agents, five conversations, two workers. */
import { sha256Hex } from "../../src/component/digest.js";
import { recordSpawn } from "../../src/component/workers/fleet.js";
import { DEFAULT_SCALING_POLICY } from "../../src/shared/provider-config.js";
import type { Isolation } from "../../src/shared/scope.js";
import {
  DEFAULT_POLICY,
  emptyReference,
  type Agent,
  type Conversation,
  type Reference,
  type Worker,
} from "./reference/state.js";
import { World } from "./world.js";

const TOKEN_LIFETIME_MS = 24 * 60 * 60_000;
export const LEASE_MS = 45_000;

export type Deployment = { world: World; reference: Reference };

export async function openDeployment(): Promise<Deployment> {
  const world = await World.open();
  const reference = emptyReference();
  const deployment = { world, reference };
  for (const key of ["a", "b"]) {
    const agent: Agent = { key, exists: true, enabled: true, policy: DEFAULT_POLICY };
    await configure(world, agent);
    reference.agents.push(agent);
  }
  const [first, second] = reference.agents as [Agent, Agent];
  for (const [user, agent] of [
    ["ada", first],
    ["ada", second],
    ["bob", first],
  ] as const) {
    const bound = await world.call<{ conversationId: string }>("lib:bindUserAgent", {
      consumerUserId: user,
      agentKey: agent.key,
    });
    addConversation(reference, bound.value!.conversationId, agent, user);
  }
  addConversation(reference, "lonely", first, null);
  addConversation(reference, "alone", second, null);
  await startWorker(deployment, { isolation: "shared", capacity: 2, runMs: 900_000 });
  await startWorker(deployment, { isolation: "conversation", capacity: 1, runMs: 20_000 });
  return deployment;
}

/** Stores the agent's profile as the reference has it; one that was deleted is there again. */
export async function configure(world: World, agent: Agent): Promise<void> {
  const { key, enabled, policy } = agent;
  agent.exists = true;
  const { maxAttempts, maxConcurrent, maxConcurrentPerUser, maxQueued, overflow, ...backoff } = policy;
  const queuePolicy = {
    maxAttempts,
    backoff,
    maxQueuedPerConversation: maxQueued,
    overflow,
    ...(maxConcurrent === null ? {} : { maxConcurrent }),
    ...(maxConcurrentPerUser === null ? {} : { maxConcurrentPerUser }),
  };
  const profile = { agentKey: key, version: "1", secretsRef: [], enabled };
  // What is as documented is left to the queue, which then has to have the same defaults.
  const isDefault = policy === DEFAULT_POLICY;
  const outcome = await world.call("lib:configureAgent", { ...profile, ...(isDefault ? {} : { queuePolicy }) });
  if (outcome.refused !== null) throw new Error(`Agent ${key} was refused: ${outcome.refused}`);
}

function addConversation(reference: Reference, id: string, agent: Agent, user: string | null): void {
  const conversation: Conversation = {
    id,
    agent,
    user,
    phase: "idle",
    generation: 0,
    lastSequence: 0,
    messages: [],
    lease: null,
    untold: 0,
  };
  reference.conversations.push(conversation);
}

export type WorkerKind = { isolation: Isolation; capacity: number; runMs: number };

/** A worker whose row the pool has written and who has enrolled. */
export async function startWorker({ world, reference }: Deployment, kind: WorkerKind): Promise<Worker> {
  const number = reference.workers.length + 1;
  const id = `w${number}`;
  const token = `${id}-`.padEnd(43, "t");
  const enrollmentCredential = `credential-${id}`;
  const policy = {
    ...DEFAULT_SCALING_POLICY,
    isolation: kind.isolation,
    conversationsPerWorker: kind.capacity,
    leaseDurationMs: LEASE_MS,
    runTimeoutMs: kind.runMs,
  };
  const credentialHash = await sha256Hex(enrollmentCredential);
  await world.inside(async (ctx) => {
    await recordSpawn(
      ctx,
      {
        workerId: id,
        poolKey: "default",
        generation: 1,
        machineName: `machine-${id}`,
        providerKind: "local",
        appName: "test",
        image: "test",
        credentialHash,
        leaseDurationMs: LEASE_MS,
        runTimeoutMs: kind.runMs,
        statusReason: "The model wants it.",
      },
      policy,
    );
  });
  const enrolled = await world.call("lib:enrollWorker", { workerId: id, workerToken: token, enrollmentCredential });
  if (enrolled.refused !== null) throw new Error(`Worker ${id} was refused: ${enrolled.refused}`);
  const worker: Worker = {
    id,
    token,
    status: "active",
    isolation: kind.isolation,
    scope: null,
    capacity: kind.isolation === "conversation" ? 1 : kind.capacity,
    leaseMs: LEASE_MS,
    runMs: kind.runMs,
    life: 1,
    isCounted: true,
    expiresAt: world.now + LEASE_MS,
    tokenExpiresAt: world.now + TOKEN_LIFETIME_MS,
    isPaused: false,
    isKilled: false,
  };
  reference.workers.push(worker);
  return worker;
}

/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type * as agents_profile from "../agents/profile.js";
import type * as agents_public from "../agents/public.js";
import type * as agents_queuePolicy from "../agents/queuePolicy.js";
import type * as agents_runtimeProfile from "../agents/runtimeProfile.js";
import type * as agents_tables from "../agents/tables.js";
import type * as bounded from "../bounded.js";
import type * as budget from "../budget.js";
import type * as console_conversation from "../console/conversation.js";
import type * as console_fleet from "../console/fleet.js";
import type * as console_public from "../console/public.js";
import type * as console_userAgents from "../console/userAgents.js";
import type * as console_waiting from "../console/waiting.js";
import type * as conversations_attachments from "../conversations/attachments.js";
import type * as conversations_internal from "../conversations/internal.js";
import type * as conversations_stream from "../conversations/stream.js";
import type * as conversations_tables from "../conversations/tables.js";
import type * as conversations_transcript from "../conversations/transcript.js";
import type * as conversations_uploads from "../conversations/uploads.js";
import type * as conversations_window from "../conversations/window.js";
import type * as digest from "../digest.js";
import type * as functions from "../functions.js";
import type * as identity_bindings from "../identity/bindings.js";
import type * as identity_public from "../identity/public.js";
import type * as identity_tables from "../identity/tables.js";
import type * as lib from "../lib.js";
import type * as logging from "../logging.js";
import type * as pool_breaker from "../pool/breaker.js";
import type * as pool_callRates from "../pool/callRates.js";
import type * as pool_cleanup_cleanup from "../pool/cleanup/cleanup.js";
import type * as pool_cleanup_cleanupMachines from "../pool/cleanup/cleanupMachines.js";
import type * as pool_cleanup_cleanupSweep from "../pool/cleanup/cleanupSweep.js";
import type * as pool_cleanup_cleanupVolumes from "../pool/cleanup/cleanupVolumes.js";
import type * as pool_cleanup_orphanVolumes from "../pool/cleanup/orphanVolumes.js";
import type * as pool_cleanup_report from "../pool/cleanup/report.js";
import type * as pool_cleanup_sightings from "../pool/cleanup/sightings.js";
import type * as pool_cleanup_wipe from "../pool/cleanup/wipe.js";
import type * as pool_homes from "../pool/homes.js";
import type * as pool_intents from "../pool/intents.js";
import type * as pool_internal from "../pool/internal.js";
import type * as pool_internalProvider from "../pool/internalProvider.js";
import type * as pool_internalVolumes from "../pool/internalVolumes.js";
import type * as pool_listHomes from "../pool/listHomes.js";
import type * as pool_machines from "../pool/machines.js";
import type * as pool_observe from "../pool/observe.js";
import type * as pool_plan_boot from "../pool/plan/boot.js";
import type * as pool_plan_demand from "../pool/plan/demand.js";
import type * as pool_plan_idle from "../pool/plan/idle.js";
import type * as pool_plan_orphans from "../pool/plan/orphans.js";
import type * as pool_plan_plan from "../pool/plan/plan.js";
import type * as pool_plan_regions from "../pool/plan/regions.js";
import type * as pool_plan_repair from "../pool/plan/repair.js";
import type * as pool_plan_rollout from "../pool/plan/rollout.js";
import type * as pool_plan_situation from "../pool/plan/situation.js";
import type * as pool_plan_spare from "../pool/plan/spare.js";
import type * as pool_policy from "../pool/policy.js";
import type * as pool_power from "../pool/power.js";
import type * as pool_probe from "../pool/probe.js";
import type * as pool_problem from "../pool/problem.js";
import type * as pool_providers from "../pool/providers.js";
import type * as pool_public from "../pool/public.js";
import type * as pool_reconcile from "../pool/reconcile.js";
import type * as pool_run from "../pool/run.js";
import type * as pool_steps from "../pool/steps.js";
import type * as pool_tables from "../pool/tables.js";
import type * as pool_takeSteps from "../pool/takeSteps.js";
import type * as pool_tickets from "../pool/tickets.js";
import type * as pool_volumes_leftoverVolumes from "../pool/volumes/leftoverVolumes.js";
import type * as pool_volumes_unsaved from "../pool/volumes/unsaved.js";
import type * as pool_volumes_volumeNames from "../pool/volumes/volumeNames.js";
import type * as pool_volumes_volumeSteps from "../pool/volumes/volumeSteps.js";
import type * as pool_volumes_volumes from "../pool/volumes/volumes.js";
import type * as pool_wake from "../pool/wake.js";
import type * as providers_fly_answers from "../providers/fly/answers.js";
import type * as providers_fly_client from "../providers/fly/client.js";
import type * as providers_fly_prices from "../providers/fly/prices.js";
import type * as providers_fly_rates from "../providers/fly/rates.js";
import type * as providers_fly_requests from "../providers/fly/requests.js";
import type * as providers_fly_responses from "../providers/fly/responses.js";
import type * as providers_local_url from "../providers/local/url.js";
import type * as providers_provider from "../providers/provider.js";
import type * as queue_admission from "../queue/admission.js";
import type * as queue_cancel from "../queue/cancel.js";
import type * as queue_capacity from "../queue/capacity.js";
import type * as queue_claim from "../queue/claim.js";
import type * as queue_complete from "../queue/complete.js";
import type * as queue_counters from "../queue/counters.js";
import type * as queue_deadLetters from "../queue/deadLetters.js";
import type * as queue_deadlines from "../queue/deadlines.js";
import type * as queue_ending from "../queue/ending.js";
import type * as queue_enqueue from "../queue/enqueue.js";
import type * as queue_fail from "../queue/fail.js";
import type * as queue_head from "../queue/head.js";
import type * as queue_held from "../queue/held.js";
import type * as queue_internal from "../queue/internal.js";
import type * as queue_lane from "../queue/lane.js";
import type * as queue_leases from "../queue/leases.js";
import type * as queue_liveness from "../queue/liveness.js";
import type * as queue_messages from "../queue/messages.js";
import type * as queue_overflow from "../queue/overflow.js";
import type * as queue_pause from "../queue/pause.js";
import type * as queue_position from "../queue/position.js";
import type * as queue_public from "../queue/public.js";
import type * as queue_ready from "../queue/ready.js";
import type * as queue_recovery from "../queue/recovery.js";
import type * as queue_release from "../queue/release.js";
import type * as queue_reservation from "../queue/reservation.js";
import type * as queue_retention from "../queue/retention.js";
import type * as queue_slots from "../queue/slots.js";
import type * as queue_summary from "../queue/summary.js";
import type * as queue_sweep from "../queue/sweep.js";
import type * as queue_sweeper from "../queue/sweeper.js";
import type * as queue_tables from "../queue/tables.js";
import type * as queue_throughput from "../queue/throughput.js";
import type * as queue_wake from "../queue/wake.js";
import type * as retention_internal from "../retention/internal.js";
import type * as retention_orphans from "../retention/orphans.js";
import type * as retention_public from "../retention/public.js";
import type * as retention_sweep from "../retention/sweep.js";
import type * as retention_tables from "../retention/tables.js";
import type * as secrets_envelope from "../secrets/envelope.js";
import type * as secrets_internal from "../secrets/internal.js";
import type * as secrets_key from "../secrets/key.js";
import type * as secrets_public from "../secrets/public.js";
import type * as secrets_read from "../secrets/read.js";
import type * as secrets_tables from "../secrets/tables.js";
import type * as skills_deploy from "../skills/deploy.js";
import type * as skills_internal from "../skills/internal.js";
import type * as skills_manage from "../skills/manage.js";
import type * as skills_manifest from "../skills/manifest.js";
import type * as skills_public from "../skills/public.js";
import type * as skills_releases from "../skills/releases.js";
import type * as skills_tables from "../skills/tables.js";
import type * as snapshots_current from "../snapshots/current.js";
import type * as snapshots_list from "../snapshots/list.js";
import type * as snapshots_retention from "../snapshots/retention.js";
import type * as snapshots_stored from "../snapshots/stored.js";
import type * as snapshots_tables from "../snapshots/tables.js";
import type * as snapshots_upload from "../snapshots/upload.js";
import type * as validation from "../validation.js";
import type * as workers_authenticate from "../workers/authenticate.js";
import type * as workers_bridge from "../workers/bridge.js";
import type * as workers_enroll from "../workers/enroll.js";
import type * as workers_fleet from "../workers/fleet.js";
import type * as workers_hydrate from "../workers/hydrate.js";
import type * as workers_inbox from "../workers/inbox.js";
import type * as workers_lifecycle from "../workers/lifecycle.js";
import type * as workers_public from "../workers/public.js";
import type * as workers_replyFiles from "../workers/replyFiles.js";
import type * as workers_retention from "../workers/retention.js";
import type * as workers_suspension from "../workers/suspension.js";
import type * as workers_tables from "../workers/tables.js";
import type * as workers_timeline from "../workers/timeline.js";
import type * as workers_turn from "../workers/turn.js";

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import { anyApi, componentsGeneric } from "convex/server";

const fullApi: ApiFromModules<{
  "agents/profile": typeof agents_profile;
  "agents/public": typeof agents_public;
  "agents/queuePolicy": typeof agents_queuePolicy;
  "agents/runtimeProfile": typeof agents_runtimeProfile;
  "agents/tables": typeof agents_tables;
  bounded: typeof bounded;
  budget: typeof budget;
  "console/conversation": typeof console_conversation;
  "console/fleet": typeof console_fleet;
  "console/public": typeof console_public;
  "console/userAgents": typeof console_userAgents;
  "console/waiting": typeof console_waiting;
  "conversations/attachments": typeof conversations_attachments;
  "conversations/internal": typeof conversations_internal;
  "conversations/stream": typeof conversations_stream;
  "conversations/tables": typeof conversations_tables;
  "conversations/transcript": typeof conversations_transcript;
  "conversations/uploads": typeof conversations_uploads;
  "conversations/window": typeof conversations_window;
  digest: typeof digest;
  functions: typeof functions;
  "identity/bindings": typeof identity_bindings;
  "identity/public": typeof identity_public;
  "identity/tables": typeof identity_tables;
  lib: typeof lib;
  logging: typeof logging;
  "pool/breaker": typeof pool_breaker;
  "pool/callRates": typeof pool_callRates;
  "pool/cleanup/cleanup": typeof pool_cleanup_cleanup;
  "pool/cleanup/cleanupMachines": typeof pool_cleanup_cleanupMachines;
  "pool/cleanup/cleanupSweep": typeof pool_cleanup_cleanupSweep;
  "pool/cleanup/cleanupVolumes": typeof pool_cleanup_cleanupVolumes;
  "pool/cleanup/orphanVolumes": typeof pool_cleanup_orphanVolumes;
  "pool/cleanup/report": typeof pool_cleanup_report;
  "pool/cleanup/sightings": typeof pool_cleanup_sightings;
  "pool/cleanup/wipe": typeof pool_cleanup_wipe;
  "pool/homes": typeof pool_homes;
  "pool/intents": typeof pool_intents;
  "pool/internal": typeof pool_internal;
  "pool/internalProvider": typeof pool_internalProvider;
  "pool/internalVolumes": typeof pool_internalVolumes;
  "pool/listHomes": typeof pool_listHomes;
  "pool/machines": typeof pool_machines;
  "pool/observe": typeof pool_observe;
  "pool/plan/boot": typeof pool_plan_boot;
  "pool/plan/demand": typeof pool_plan_demand;
  "pool/plan/idle": typeof pool_plan_idle;
  "pool/plan/orphans": typeof pool_plan_orphans;
  "pool/plan/plan": typeof pool_plan_plan;
  "pool/plan/regions": typeof pool_plan_regions;
  "pool/plan/repair": typeof pool_plan_repair;
  "pool/plan/rollout": typeof pool_plan_rollout;
  "pool/plan/situation": typeof pool_plan_situation;
  "pool/plan/spare": typeof pool_plan_spare;
  "pool/policy": typeof pool_policy;
  "pool/power": typeof pool_power;
  "pool/probe": typeof pool_probe;
  "pool/problem": typeof pool_problem;
  "pool/providers": typeof pool_providers;
  "pool/public": typeof pool_public;
  "pool/reconcile": typeof pool_reconcile;
  "pool/run": typeof pool_run;
  "pool/steps": typeof pool_steps;
  "pool/tables": typeof pool_tables;
  "pool/takeSteps": typeof pool_takeSteps;
  "pool/tickets": typeof pool_tickets;
  "pool/volumes/leftoverVolumes": typeof pool_volumes_leftoverVolumes;
  "pool/volumes/unsaved": typeof pool_volumes_unsaved;
  "pool/volumes/volumeNames": typeof pool_volumes_volumeNames;
  "pool/volumes/volumeSteps": typeof pool_volumes_volumeSteps;
  "pool/volumes/volumes": typeof pool_volumes_volumes;
  "pool/wake": typeof pool_wake;
  "providers/fly/answers": typeof providers_fly_answers;
  "providers/fly/client": typeof providers_fly_client;
  "providers/fly/prices": typeof providers_fly_prices;
  "providers/fly/rates": typeof providers_fly_rates;
  "providers/fly/requests": typeof providers_fly_requests;
  "providers/fly/responses": typeof providers_fly_responses;
  "providers/local/url": typeof providers_local_url;
  "providers/provider": typeof providers_provider;
  "queue/admission": typeof queue_admission;
  "queue/cancel": typeof queue_cancel;
  "queue/capacity": typeof queue_capacity;
  "queue/claim": typeof queue_claim;
  "queue/complete": typeof queue_complete;
  "queue/counters": typeof queue_counters;
  "queue/deadLetters": typeof queue_deadLetters;
  "queue/deadlines": typeof queue_deadlines;
  "queue/ending": typeof queue_ending;
  "queue/enqueue": typeof queue_enqueue;
  "queue/fail": typeof queue_fail;
  "queue/head": typeof queue_head;
  "queue/held": typeof queue_held;
  "queue/internal": typeof queue_internal;
  "queue/lane": typeof queue_lane;
  "queue/leases": typeof queue_leases;
  "queue/liveness": typeof queue_liveness;
  "queue/messages": typeof queue_messages;
  "queue/overflow": typeof queue_overflow;
  "queue/pause": typeof queue_pause;
  "queue/position": typeof queue_position;
  "queue/public": typeof queue_public;
  "queue/ready": typeof queue_ready;
  "queue/recovery": typeof queue_recovery;
  "queue/release": typeof queue_release;
  "queue/reservation": typeof queue_reservation;
  "queue/retention": typeof queue_retention;
  "queue/slots": typeof queue_slots;
  "queue/summary": typeof queue_summary;
  "queue/sweep": typeof queue_sweep;
  "queue/sweeper": typeof queue_sweeper;
  "queue/tables": typeof queue_tables;
  "queue/throughput": typeof queue_throughput;
  "queue/wake": typeof queue_wake;
  "retention/internal": typeof retention_internal;
  "retention/orphans": typeof retention_orphans;
  "retention/public": typeof retention_public;
  "retention/sweep": typeof retention_sweep;
  "retention/tables": typeof retention_tables;
  "secrets/envelope": typeof secrets_envelope;
  "secrets/internal": typeof secrets_internal;
  "secrets/key": typeof secrets_key;
  "secrets/public": typeof secrets_public;
  "secrets/read": typeof secrets_read;
  "secrets/tables": typeof secrets_tables;
  "skills/deploy": typeof skills_deploy;
  "skills/internal": typeof skills_internal;
  "skills/manage": typeof skills_manage;
  "skills/manifest": typeof skills_manifest;
  "skills/public": typeof skills_public;
  "skills/releases": typeof skills_releases;
  "skills/tables": typeof skills_tables;
  "snapshots/current": typeof snapshots_current;
  "snapshots/list": typeof snapshots_list;
  "snapshots/retention": typeof snapshots_retention;
  "snapshots/stored": typeof snapshots_stored;
  "snapshots/tables": typeof snapshots_tables;
  "snapshots/upload": typeof snapshots_upload;
  validation: typeof validation;
  "workers/authenticate": typeof workers_authenticate;
  "workers/bridge": typeof workers_bridge;
  "workers/enroll": typeof workers_enroll;
  "workers/fleet": typeof workers_fleet;
  "workers/hydrate": typeof workers_hydrate;
  "workers/inbox": typeof workers_inbox;
  "workers/lifecycle": typeof workers_lifecycle;
  "workers/public": typeof workers_public;
  "workers/replyFiles": typeof workers_replyFiles;
  "workers/retention": typeof workers_retention;
  "workers/suspension": typeof workers_suspension;
  "workers/tables": typeof workers_tables;
  "workers/timeline": typeof workers_timeline;
  "workers/turn": typeof workers_turn;
}> = anyApi as any;

/**
 * A utility for referencing Convex functions in your app's public API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
export const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
> = anyApi as any;

/**
 * A utility for referencing Convex functions in your app's internal API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = internal.myModule.myFunction;
 * ```
 */
export const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
> = anyApi as any;

export const components = componentsGeneric() as unknown as {
  batchWorker: import("@convex-dev/batch-worker/_generated/component.js").ComponentApi<"batchWorker">;
};

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
import type * as agents_tables from "../agents/tables.js";
import type * as conversations_internal from "../conversations/internal.js";
import type * as conversations_stream from "../conversations/stream.js";
import type * as conversations_tables from "../conversations/tables.js";
import type * as conversations_transcript from "../conversations/transcript.js";
import type * as digest from "../digest.js";
import type * as functions from "../functions.js";
import type * as identity_bindings from "../identity/bindings.js";
import type * as identity_public from "../identity/public.js";
import type * as identity_tables from "../identity/tables.js";
import type * as logging from "../logging.js";
import type * as pool_tables from "../pool/tables.js";
import type * as queue_tables from "../queue/tables.js";
import type * as secrets_envelope from "../secrets/envelope.js";
import type * as secrets_internal from "../secrets/internal.js";
import type * as secrets_key from "../secrets/key.js";
import type * as secrets_public from "../secrets/public.js";
import type * as secrets_read from "../secrets/read.js";
import type * as secrets_tables from "../secrets/tables.js";
import type * as snapshots_tables from "../snapshots/tables.js";
import type * as validation from "../validation.js";
import type * as workers_tables from "../workers/tables.js";

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import { anyApi, componentsGeneric } from "convex/server";

const fullApi: ApiFromModules<{
  "agents/profile": typeof agents_profile;
  "agents/public": typeof agents_public;
  "agents/tables": typeof agents_tables;
  "conversations/internal": typeof conversations_internal;
  "conversations/stream": typeof conversations_stream;
  "conversations/tables": typeof conversations_tables;
  "conversations/transcript": typeof conversations_transcript;
  digest: typeof digest;
  functions: typeof functions;
  "identity/bindings": typeof identity_bindings;
  "identity/public": typeof identity_public;
  "identity/tables": typeof identity_tables;
  logging: typeof logging;
  "pool/tables": typeof pool_tables;
  "queue/tables": typeof queue_tables;
  "secrets/envelope": typeof secrets_envelope;
  "secrets/internal": typeof secrets_internal;
  "secrets/key": typeof secrets_key;
  "secrets/public": typeof secrets_public;
  "secrets/read": typeof secrets_read;
  "secrets/tables": typeof secrets_tables;
  "snapshots/tables": typeof snapshots_tables;
  validation: typeof validation;
  "workers/tables": typeof workers_tables;
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

export const components = componentsGeneric() as unknown as {};

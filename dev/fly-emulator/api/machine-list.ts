/** Listing machines: filters, and pages that end only where the cursor does. */
import { invalidArgument } from "../model/errors.js";
import { type SequencedView } from "../model/history.js";
import { isJsonObject, type JsonObject } from "../model/json.js";
import { summaryView } from "../model/machine.js";
import { type RandomSource } from "../model/random.js";
import { type Paging } from "../options.js";
import { MACHINES, type ApiRequest, type ApiResponse, type Route, type Services } from "./route.js";
import { listViews } from "./views.js";

const MAX_LIMIT = 1_000;
const CURSOR_HEADER = "fly-next-cursor";

export function machineListRoute(services: Services): Route {
  return {
    method: "GET",
    template: MACHINES,
    action: "machine_list",
    scope: "app",
    handle: (request) => list(services, request),
  };
}

function list({ world, paging, random }: Services, request: ApiRequest): ApiResponse {
  const { query } = request;
  const after = readCursor(query.get("cursor"));
  const rows = listViews(world, request.app, request.faults).filter((row) => row.sequence > after);
  const wanted = (row: SequencedView): boolean => passes(row.view, query);
  // Where pages may be short, the filter comes after the cut, as in any database that pages before it filters.
  const candidates = paging.shortPages ? rows : rows.filter(wanted);
  const page = candidates.slice(0, pageSize(query.get("limit"), paging, random));
  const last = page.at(-1)?.sequence ?? after;
  const more = candidates.length > page.length;
  const views = page.filter(wanted).map((row) => (query.get("summary") === "true" ? summaryView(row.view) : row.view));
  return { httpStatus: 200, body: views, ...(more ? { headers: { [CURSOR_HEADER]: writeCursor(last) } } : {}) };
}

function passes(view: JsonObject, query: URLSearchParams): boolean {
  if (query.get("include_deleted") !== "true" && view.state === "destroyed") return false;
  const region = query.get("region");
  if (region !== null && region !== "" && view.region !== region) return false;
  const states = query
    .getAll("state")
    .flatMap((value) => value.split(","))
    .filter((state) => state !== "");
  if (states.length > 0 && !(typeof view.state === "string" && states.includes(view.state))) return false;
  const config = view.config ?? view.incomplete_config;
  const metadata = isJsonObject(config) && isJsonObject(config.metadata) ? config.metadata : {};
  return [...query].every(([name, value]) => {
    const key = /^metadata\.(.+)$/.exec(name)?.[1];
    return key === undefined || metadata[key] === value;
  });
}

function pageSize(limit: string | null, paging: Paging, random: RandomSource): number {
  const asked = limit === null ? paging.maxPageSize : Number(limit);
  if (!Number.isInteger(asked) || asked < 1 || asked > MAX_LIMIT) {
    throw invalidArgument(`limit must be between 1 and ${MAX_LIMIT}`);
  }
  const size = Math.min(asked, paging.maxPageSize);
  // One in three pages has no rows at all and another is cut short; the cursor still gets to the end.
  if (!paging.shortPages) return size;
  const chance = random.next();
  return chance < 1 / 3 ? 0 : chance < 2 / 3 ? Math.ceil(size / 2) : size;
}

const writeCursor = (sequence: number): string => Buffer.from(`after:${sequence}`).toString("base64url");

function readCursor(cursor: string | null): number {
  if (cursor === null || cursor === "") return 0;
  const sequence = /^after:(\d+)$/.exec(Buffer.from(cursor, "base64url").toString())?.[1];
  if (sequence === undefined) throw invalidArgument("invalid cursor");
  return Number(sequence);
}

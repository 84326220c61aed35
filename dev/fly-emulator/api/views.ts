/** How machines and volumes look to a reader: as they are, or as the faults of this request make them look. */
import { type FaultRule } from "../faults/kinds.js";
import { notFound } from "../model/errors.js";
import { type SequencedView } from "../model/history.js";
import { type JsonObject } from "../model/json.js";
import { machineView, unreachableView } from "../model/machine.js";
import { volumeView } from "../model/volume.js";
import { type World } from "../model/world.js";

/** Every machine of an app in the order of creation, destroyed ones included. */
export function listViews(world: World, app: string, faults: readonly FaultRule[]): SequencedView[] {
  let views: SequencedView[] = world
    .machinesOf(app)
    .map((machine) => ({ sequence: machine.sequence, view: machineView(machine) }));
  for (const fault of faults) {
    const one = fault.match?.machineId;
    if (fault.kind === "stale") {
      const earlier = world.history.viewsAt(app, world.now() - fault.ageMs);
      const concerns = ({ view }: SequencedView): boolean => one === undefined || view.id === one;
      views = [...views.filter((entry) => !concerns(entry)), ...earlier.filter(concerns)];
    } else {
      views = views.map((entry) =>
        one === undefined || entry.view.id === one ? { ...entry, view: disguise(entry.view, fault) } : entry,
      );
    }
  }
  return views.sort((a, b) => a.sequence - b.sequence);
}

/** One machine; throws 404 when there is none, or was none at the time a stale read shows. */
export function getView(world: World, app: string, id: string, faults: readonly FaultRule[]): JsonObject {
  const stale = faults.find((fault) => fault.kind === "stale");
  let view: JsonObject | undefined;
  if (stale === undefined) view = machineView(world.machineOf(app, id));
  else view = world.history.viewAt(id, world.now() - stale.ageMs);
  if (view === undefined) throw notFound("machine");
  return faults.reduce(disguise, view);
}

/** Every volume of an app, those that wait for their end included. */
export function listVolumeViews(world: World, app: string, faults: readonly FaultRule[]): JsonObject[] {
  let views = world.volumesOf(app).map(volumeView);
  for (const fault of faults) {
    const one = fault.match?.volumeId;
    const concerns = (view: JsonObject): boolean => one === undefined || view.id === one;
    if (fault.kind === "stale") {
      const earlier = world.volumeHistory.viewsAt(app, world.now() - fault.ageMs).map(({ view }) => view);
      const existed = earlier.filter((view) => view.state !== "destroyed");
      views = [...views.filter((view) => !concerns(view)), ...existed.filter(concerns)];
    } else {
      views = views.map((view) => (concerns(view) ? disguise(view, fault) : view));
    }
  }
  return views;
}

/** One volume; throws 404 when there is none, or was none at the time a stale read shows. */
export function getVolumeView(world: World, app: string, id: string, faults: readonly FaultRule[]): JsonObject {
  const stale = faults.find((fault) => fault.kind === "stale");
  const view =
    stale === undefined
      ? volumeView(world.volumeOf(app, id))
      : world.volumeHistory.viewAt(id, world.now() - stale.ageMs);
  if (view === undefined || view.state === "destroyed") throw notFound("volume");
  return faults.reduce(disguise, view);
}

function disguise(view: JsonObject, fault: FaultRule): JsonObject {
  if (fault.kind === "unknown_state") return { ...view, state: fault.state };
  if (fault.kind === "host_unreachable") return unreachableView(view);
  return view;
}

/** What the URL remembers of the viewer, so that a link opens what the sender saw. Knows no DOM. */

import { LAYERS, type LayerName } from "./layers";

export interface ViewState {
  /** Displayed image, counted from 1 at the head. */
  image: number;
  width_hu: number;
  level_hu: number;
  layers: LayerName[];
  /** Row and column in which the other planes cross; null: they are not shown. */
  planes: { row: number; column: number } | null;
}

export const PRESETS: Record<string, { name: string; width_hu: number; level_hu: number }> = {
  lung: { name: "Lung", width_hu: 1500, level_hu: -600 },
  mediastinum: { name: "Mediastinum", width_hu: 400, level_hu: 40 },
  bone: { name: "Bone", width_hu: 1800, level_hu: 400 },
};

/** State as a URL fragment. */
export function toHash(state: ViewState): string {
  const parts = {
    slice: String(state.image),
    ww: String(Math.round(state.width_hu)),
    wl: String(Math.round(state.level_hu)),
    layers: state.layers.join("."),
    ...(state.planes ? { planes: `${state.planes.row}.${state.planes.column}` } : {}),
  };
  return `#${new URLSearchParams(parts)}`;
}

/** What a fragment says; what it lacks or garbles stays undefined. */
export function fromHash(hash: string): Partial<ViewState> {
  const values = new URLSearchParams(hash.replace(/^#/, ""));
  const state: Partial<ViewState> = {};
  const image = whole(values.get("slice"));
  const width = whole(values.get("ww"));
  const level = whole(values.get("wl"));
  if (image !== undefined && image >= 1) state.image = image;
  if (width !== undefined && width >= 1) state.width_hu = width;
  if (level !== undefined) state.level_hu = level;
  const layers = values.get("layers");
  if (layers !== null) state.layers = LAYERS.filter((name) => layers.split(".").includes(name));
  const [row, column] = (values.get("planes") ?? "").split(".").map(whole);
  if (row !== undefined && column !== undefined) state.planes = { row, column };
  return state;
}

function whole(text: string | null | undefined): number | undefined {
  return text != null && /^-?\d+$/.test(text) ? Number(text) : undefined;
}

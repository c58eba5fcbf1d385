/** What is drawn over a slice: layers with colours that colour-blind readers can tell apart. Knows no DOM. */

export const LAYERS = ["lung", "lobes", "ground-glass", "consolidation", "effusion", "growth"] as const;
export type LayerName = (typeof LAYERS)[number];

export interface LayerState {
  visible: boolean;
  opacity: number;
}

export type Layers = Record<LayerName, LayerState>;
type Rgb = readonly [number, number, number];

/** After Okabe and Ito; the style sheet shows the same colours in its legend. */
export const COLOURS: Record<Exclude<LayerName, "lobes" | "growth">, Rgb> = {
  lung: [86, 180, 233],
  "ground-glass": [240, 228, 66],
  consolidation: [230, 110, 20],
  effusion: [204, 121, 167],
};
const LOBE_COLOURS: readonly Rgb[] = [
  [0, 0, 0],
  [0, 158, 115],
  [86, 180, 233],
  [0, 114, 178],
  [148, 203, 107],
  [170, 140, 220],
];
/** New, persistent, resolved. */
const GROWTH_COLOURS: readonly Rgb[] = [
  [0, 0, 0],
  [255, 92, 92],
  [240, 228, 66],
  [64, 190, 140],
];
const KINDS: readonly (LayerName | null)[] = [
  null,
  "ground-glass",
  "consolidation",
  "effusion",
  "ground-glass",
];

export function defaultLayers(): Layers {
  return {
    lung: { visible: true, opacity: 0.9 },
    lobes: { visible: false, opacity: 0.3 },
    "ground-glass": { visible: true, opacity: 0.4 },
    consolidation: { visible: true, opacity: 0.5 },
    effusion: { visible: true, opacity: 0.4 },
    growth: { visible: true, opacity: 0.45 },
  };
}

/** Labels of one slice, row by row. A lobe label other than 0 is lung. */
export interface SliceLabels {
  lobes: Uint8Array;
  infection: Uint8Array;
  /** Absent unless a prior was compared; where it is shown, it takes the place of the kinds of infection. */
  growth?: Uint8Array | undefined;
  columns: number;
}

/** Paint the visible layers of one slice into `rgba` (4 bytes a pixel, cleared before). */
export function paint(rgba: Uint8ClampedArray, slice: SliceLabels, layers: Layers): void {
  rgba.fill(0);
  const { lobes, infection, columns } = slice;
  const growth = layers.growth.visible ? slice.growth : undefined;
  for (let i = 0; i < lobes.length; i++) {
    const lobe = lobes[i] ?? 0;
    const change = growth?.[i] ?? 0;
    const kind = growth === undefined ? (KINDS[infection[i] ?? 0] ?? null) : null;
    if (growth !== undefined && change !== 0) {
      const edge = isEdge(growth, i, columns);
      put(rgba, i, GROWTH_COLOURS[change] ?? COLOURS.lung, edge ? 1 : layers.growth.opacity);
    } else if (kind !== null && layers[kind].visible) {
      const edge = isEdge(infection, i, columns);
      put(rgba, i, COLOURS[kind as keyof typeof COLOURS], edge ? 1 : layers[kind].opacity);
    } else if (lobe !== 0 && layers.lung.visible && isEdge(lobes, i, columns, true)) {
      put(rgba, i, COLOURS.lung, layers.lung.opacity);
    } else if (lobe !== 0 && layers.lobes.visible) {
      put(rgba, i, LOBE_COLOURS[lobe] ?? COLOURS.lung, layers.lobes.opacity);
    }
  }
}

function put(rgba: Uint8ClampedArray, pixel: number, colour: Rgb, opacity: number): void {
  const at = 4 * pixel;
  rgba[at] = colour[0];
  rgba[at + 1] = colour[1];
  rgba[at + 2] = colour[2];
  rgba[at + 3] = 255 * opacity;
}

/** Whether a labelled pixel touches another label, or with `anyLabel` touches no label at all. */
function isEdge(labels: Uint8Array, i: number, columns: number, anyLabel = false): boolean {
  const own = labels[i];
  const differs = (j: number) => (anyLabel ? (labels[j] ?? 0) === 0 : labels[j] !== own);
  return differs(i - 1) || differs(i + 1) || differs(i - columns) || differs(i + columns);
}

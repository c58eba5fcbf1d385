/** Label maps as the server stores them: gzip-compressed NIfTI-1, uint8, x fastest. */

const OFFSET_AT = 108;
const TYPE_AT = 70;
const UINT8 = 2;

/** A label map and the file it lies in: `labels` is a view into `file`, so changing one changes the other. */
export interface LabelFile {
  file: ArrayBuffer;
  labels: Uint8Array;
}

/** The voxels of an unpacked NIfTI file, z, y, x; throws when it is not a uint8 map of `voxels` values. */
export function labelsOf(file: ArrayBuffer, voxels: number): Uint8Array {
  const header = new DataView(file);
  if (file.byteLength < 352 || header.getInt16(TYPE_AT, true) !== UINT8) throw new Error("not a label map");
  const start = header.getFloat32(OFFSET_AT, true);
  if (file.byteLength - start < voxels) throw new Error("the label map is cut off");
  return new Uint8Array(file, start, voxels);
}

/** Fetch and unpack a label map. */
export async function fetchLabels(url: string, voxels: number): Promise<Uint8Array> {
  return (await fetchLabelFile(url, voxels)).labels;
}

/** Fetch and unpack a label map, with the file around it. */
export async function fetchLabelFile(url: string, voxels: number): Promise<LabelFile> {
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok || response.body === null)
    throw new Error(`the mask could not be loaded (${response.status})`);
  const unpacked = response.body.pipeThrough(new DecompressionStream("gzip"));
  const file = await new Response(unpacked).arrayBuffer();
  return { file, labels: labelsOf(file, voxels) };
}

/** The file as it is sent: compressed again. */
export async function packed(content: LabelFile): Promise<Blob> {
  const stream = new Blob([content.file]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Response(stream).blob();
}

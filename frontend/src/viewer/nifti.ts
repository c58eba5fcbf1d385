/** Label maps as the server stores them: gzip-compressed NIfTI-1, uint8, x fastest. */

const OFFSET_AT = 108;
const TYPE_AT = 70;
const UINT8 = 2;

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
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok || response.body === null)
    throw new Error(`the mask could not be loaded (${response.status})`);
  const unpacked = response.body.pipeThrough(new DecompressionStream("gzip"));
  return labelsOf(await new Response(unpacked).arrayBuffer(), voxels);
}

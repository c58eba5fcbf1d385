/** What OHIF does with a series: metadata and frames over DICOMweb, decoded by Cornerstone's loader. */
import { imageLoader, init as initCore } from "@cornerstonejs/core";
import { init as initLoader, wadors } from "@cornerstonejs/dicom-image-loader";

interface Decoded {
  uid: string;
  rows: number;
  columns: number;
  sum: number;
}

async function decodeSeries(study: string, series: string): Promise<Decoded[]> {
  const root = `${location.origin}/dicomweb/studies/${study}/series/${series}`;
  const answer = await fetch(`${root}/metadata`, { headers: { accept: "application/dicom+json" } });
  const instances: Record<string, { Value: string[] }>[] = await answer.json();
  return Promise.all(
    instances.map(async (metadata) => {
      const uid = metadata["00080018"].Value[0];
      const imageId = `wadors:${root}/instances/${uid}/frames/1`;
      wadors.metaDataManager.add(imageId, metadata as never);
      const image = await imageLoader.loadAndCacheImage(imageId);
      const pixels = image.getPixelData() as ArrayLike<number>;
      let sum = 0;
      for (let place = 0; place < pixels.length; place++) sum += pixels[place];
      return { uid, rows: image.rows, columns: image.columns, sum };
    }),
  );
}

await initCore();
initLoader({ maxWebWorkers: 1 });
Object.assign(window, { decodeSeries });

/** Fetches and unpacks one gzip file in a thread of its own: masks of long scans unpack to hundreds of megabytes. */

export type Unpacked = { file: ArrayBuffer } | { error: string };

self.onmessage = (event: MessageEvent<string>) => {
  unpack(event.data).then(
    (file) => self.postMessage({ file } satisfies Unpacked, { transfer: [file] }),
    (error: unknown) =>
      self.postMessage({ error: String(error instanceof Error ? error.message : error) } satisfies Unpacked),
  );
};

async function unpack(url: string): Promise<ArrayBuffer> {
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok || response.body === null)
    throw new Error(`the mask could not be loaded (${response.status})`);
  return new Response(response.body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

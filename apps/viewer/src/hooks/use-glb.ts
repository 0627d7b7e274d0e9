import { useEffect, useState } from 'react';
import { ApiError, problemOf } from '../api/client.ts';

export interface GlbFile {
  bytes: ArrayBuffer | null;
  /** 0..1 while it loads, null where the size is not known. */
  share: number | null;
  failure: string | null;
}

const NOTHING: GlbFile = { bytes: null, share: null, failure: null };

/** Loads a GLB while the 3-D part of the page loads. */
export function useGlb(url: string | undefined): GlbFile {
  const [file, setFile] = useState<GlbFile>(NOTHING);
  useEffect(() => {
    setFile(NOTHING);
    if (url === undefined) return;
    const controller = new AbortController();
    load(url, controller.signal, (share) => setFile((now) => ({ ...now, share })))
      .then((bytes) => setFile({ bytes, share: 1, failure: null }))
      .catch((error: unknown) => {
        if (controller.signal.aborted) return;
        setFile({ ...NOTHING, failure: error instanceof Error ? error.message : String(error) });
      });
    return () => controller.abort();
  }, [url]);
  return file;
}

async function load(url: string, signal: AbortSignal, onShare: (share: number) => void): Promise<ArrayBuffer> {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new ApiError(await problemOf(response));
  const total = Number(response.headers.get('content-length'));
  if (!response.body || !(total > 0)) return response.arrayBuffer();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  const reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    received += part.value.length;
    onShare(Math.min(1, received / total));
  }
  return new Blob(chunks).arrayBuffer();
}

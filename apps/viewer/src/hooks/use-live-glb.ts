import { useEffect, useState } from 'react';

/** The newest GLB of an address that changes while a job runs; the one before stays until the next is here. */
export function useLiveGlb(url: string | undefined): ArrayBuffer | null {
  const [bytes, setBytes] = useState<ArrayBuffer | null>(null);
  useEffect(() => {
    if (url === undefined) return;
    const controller = new AbortController();
    fetch(url, { signal: controller.signal })
      .then((response) => (response.ok ? response.arrayBuffer() : null))
      .then((loaded) => loaded && setBytes(loaded))
      .catch(() => {
        // the next one comes in a second, and there is the picture
      });
    return () => controller.abort();
  }, [url]);
  return url === undefined ? null : bytes;
}

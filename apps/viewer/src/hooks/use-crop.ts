import { useEffect, useState } from 'react';

/** completions.json: where the completions lie in the photograph, and their seeds. */
export interface CropFile {
  crop: { x: number; y: number; size: number };
  seeds: number[];
}

/** The crop of the finished completions; null until known. */
export function useCrop(url: string | undefined): CropFile | null {
  const [file, setFile] = useState<CropFile | null>(null);
  useEffect(() => {
    setFile(null);
    if (url === undefined) return;
    const controller = new AbortController();
    fetch(url, { signal: controller.signal })
      .then((response) => (response.ok ? (response.json() as Promise<CropFile>) : null))
      .then((value) => setFile(value?.crop && value.crop.size > 0 ? { crop: value.crop, seeds: value.seeds ?? [] } : null))
      .catch(() => {
        // the page does without: the crop is only shown beside the completions
      });
    return () => controller.abort();
  }, [url]);
  return file;
}

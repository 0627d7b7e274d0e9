import { useEffect, useState } from 'react';
import { type Poses, posesOf } from '../lib/cameras.ts';

/** Cameras of the run's transforms.json; null until they are there. */
export function usePoses(url: string | undefined): Poses | null {
  const [poses, setPoses] = useState<Poses | null>(null);
  useEffect(() => {
    setPoses(null);
    if (url === undefined) return;
    const controller = new AbortController();
    fetch(url, { signal: controller.signal })
      .then((response) => (response.ok ? response.json() : null))
      .then((value: unknown) => setPoses(posesOf(value)))
      .catch(() => {
        // the viewer has cameras of its own
      });
    return () => controller.abort();
  }, [url]);
  return poses;
}

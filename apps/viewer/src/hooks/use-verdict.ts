import { useEffect, useState } from 'react';
import { type Verdict, verdictOf } from '../lib/verdict.ts';

/** What the run's report.json says about its result; null until it is there. */
export function useVerdict(url: string | undefined): Verdict | null {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  useEffect(() => {
    setVerdict(null);
    if (url === undefined) return;
    const controller = new AbortController();
    fetch(url, { signal: controller.signal })
      .then((response) => (response.ok ? response.json() : null))
      .then((value: unknown) => setVerdict(verdictOf(value)))
      .catch(() => {
        // the panel does without
      });
    return () => controller.abort();
  }, [url]);
  return verdict;
}

import { useEffect, useRef } from 'react';

const read = (): string | null => new URLSearchParams(window.location.hash.slice(1)).get('job');

/** Keeps `#job=<id>` and the open job in step, in both directions. */
export function useHashJob(jobId: string | undefined, open: (id: string | null) => void): void {
  const latest = useRef({ jobId, open });
  latest.current = { jobId, open };

  useEffect(() => {
    const follow = (): void => {
      const wanted = read();
      if (wanted !== (latest.current.jobId ?? null)) latest.current.open(wanted);
    };
    follow();
    window.addEventListener('hashchange', follow);
    return () => window.removeEventListener('hashchange', follow);
  }, []);

  const shown = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (shown.current === jobId) return;
    shown.current = jobId;
    const { pathname, search } = window.location;
    const url = jobId === undefined ? `${pathname}${search}` : `#job=${encodeURIComponent(jobId)}`;
    if (read() !== (jobId ?? null)) window.history.pushState(null, '', url);
  }, [jobId]);
}

import { useEffect } from 'react';

/** A picture pasted anywhere on the page starts a new job. */
export function usePastedPhoto(onPhoto: (photo: Blob, name: string) => void): void {
  useEffect(() => {
    const paste = (event: ClipboardEvent): void => {
      const file = [...(event.clipboardData?.files ?? [])].find((candidate) => candidate.type.startsWith('image/'));
      if (!file) return;
      event.preventDefault();
      onPhoto(file, file.name || 'pasted.png');
    };
    window.addEventListener('paste', paste);
    return () => window.removeEventListener('paste', paste);
  }, [onPhoto]);
}

import { type DragEvent, useRef, useState } from 'react';

interface Props {
  busy: boolean;
  onPhoto(photo: Blob, name: string): void;
}

/** Takes a photograph by drop or by file dialog; pasting works on the whole page. */
export function Dropzone({ busy, onPhoto }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [over, setOver] = useState(false);
  const take = (file: File | undefined): void => {
    if (file && !busy) onPhoto(file, file.name);
  };
  const drop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  return (
    <label
      className={`dropzone${over ? ' over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <input
        ref={input}
        type="file"
        accept="image/jpeg,image/png,image/webp,image/*"
        className="visually-hidden"
        data-testid="photo-input"
        disabled={busy}
        onChange={(event) => {
          take(event.target.files?.[0]);
          event.target.value = '';
        }}
      />
      <svg viewBox="0 0 48 40" width="48" height="40" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden="true">
        <rect x="3" y="3" width="42" height="34" rx="5" />
        <circle cx="15" cy="14" r="4" />
        <path d="M4 32l11-10 8 7 9-11 13 13" strokeLinejoin="round" />
      </svg>
      <span className="dropzone-title">{busy ? 'Sending the photo…' : 'Drop a photo, paste one, or choose a file'}</span>
      <span className="quiet">JPEG, PNG or WebP. It goes to this server and nowhere else.</span>
    </label>
  );
}

interface Props {
  kind: 'problem' | 'offline';
  title: string;
  detail: string;
  onDismiss?(): void;
}

/** One line of trouble, said aloud. */
export function Banner({ kind, title, detail, onDismiss }: Props) {
  return (
    <div
      className={`banner ${kind}`}
      role={kind === 'problem' ? 'alert' : 'status'}
      data-testid={kind === 'problem' ? 'banner' : 'banner-offline'}
    >
      <div>
        <strong>{title}</strong>
        <span className="banner-detail">{detail}</span>
      </div>
      {onDismiss && (
        <button type="button" className="button ghost small" onClick={onDismiss} aria-label="Dismiss message">
          Dismiss
        </button>
      )}
    </div>
  );
}

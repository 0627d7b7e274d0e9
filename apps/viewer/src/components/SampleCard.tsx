import type { Sample } from '../api/types.ts';

interface Props {
  sample: Sample;
  disabled: boolean;
  onChoose(sample: Sample): void;
}

export function SampleCard({ sample, disabled, onChoose }: Props) {
  const { id, title, object, photoUrl, width, height, licence, author } = sample;
  return (
    <button type="button" className="sample-card" disabled={disabled} onClick={() => onChoose(sample)} data-testid={`sample-${id}`}>
      <img src={photoUrl} alt="" width={width} height={height} loading="lazy" decoding="async" />
      <span className="sample-text">
        <strong>{title}</strong>
        <span className="quiet">{object}</span>
        <span className="credit">
          {author}, {licence}
        </span>
      </span>
    </button>
  );
}

import { useId } from 'react';

interface Option<T extends string> {
  value: T;
  label: string;
  testId?: string;
  /** A coloured dot before the label. */
  mark?: 'positive' | 'negative';
}

interface Props<T extends string> {
  label: string;
  value: T;
  options: readonly Option<T>[];
  disabled?: boolean;
  onChange(value: T): void;
}

/** One of a few, all in sight. */
export function Segmented<T extends string>({ label, value, options, disabled = false, onChange }: Props<T>) {
  const name = useId();
  return (
    <fieldset className="segmented" disabled={disabled}>
      <legend className="visually-hidden">{label}</legend>
      {options.map((option) => (
        <label key={option.value} data-testid={option.testId}>
          <input type="radio" name={name} checked={option.value === value} onChange={() => onChange(option.value)} />
          <span>
            {option.mark && <i className={`dot ${option.mark}`} />}
            {option.label}
          </span>
        </label>
      ))}
    </fieldset>
  );
}

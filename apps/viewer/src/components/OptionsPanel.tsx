import type { ReactNode } from 'react';
import { PRESETS, type Preset } from '../api/types.ts';
import { formatCount } from '../lib/format.ts';
import type { OptionsDraft } from '../state/state.ts';
import { Segmented } from './Segmented.tsx';

interface Props {
  options: OptionsDraft;
  disabled: boolean;
  /** Leave out what no longer matters at this step. */
  only?: 'asset';
  onChange(options: Partial<OptionsDraft>): void;
  /** What to do with them. */
  children?: ReactNode;
}

const PRESET_LABELS: Record<Preset, string> = { draft: 'Draft', standard: 'Standard', fine: 'Fine' };
/** Slider positions. */
const TRIANGLES = [2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000];

/** What may be set before a run; closed until asked for. */
export function OptionsPanel({ options, disabled, only, onChange, children }: Props) {
  const { samples, seed, elevationDeg, triangles, preset } = options;
  const nearest = TRIANGLES.reduce(
    (best, value, i) => (Math.abs(value - triangles) < Math.abs(TRIANGLES[best]! - triangles) ? i : best),
    0,
  );
  return (
    <details className="panel-section options" data-testid="options">
      <summary>Options</summary>
      <fieldset disabled={disabled} className="fields">
        {only !== 'asset' && (
          <>
            <label className="field">
              <span>Completions</span>
              <output>{samples}</output>
              <input
                type="range"
                min={1}
                max={8}
                value={samples}
                onChange={(event) => onChange({ samples: event.target.valueAsNumber })}
                data-testid="option-samples"
              />
            </label>
            <label className="field inline">
              <span>Seed</span>
              <input
                type="number"
                min={0}
                max={4294967295}
                step={1}
                value={seed}
                onChange={(event) => {
                  const value = event.target.valueAsNumber;
                  if (Number.isInteger(value) && value >= 0 && value <= 4294967295) onChange({ seed: value });
                }}
                data-testid="option-seed"
              />
            </label>
          </>
        )}
        <div className="field">
          <label className="check">
            <input
              type="checkbox"
              checked={elevationDeg === null}
              onChange={(event) => onChange({ elevationDeg: event.target.checked ? null : 20 })}
              data-testid="option-elevation-auto"
            />
            <span>Estimate the camera’s height</span>
          </label>
          {elevationDeg !== null && (
            <label className="field">
              <span>Camera above the object</span>
              <output>{elevationDeg}°</output>
              <input
                type="range"
                min={-10}
                max={60}
                value={elevationDeg}
                onChange={(event) => onChange({ elevationDeg: event.target.valueAsNumber })}
                data-testid="option-elevation"
              />
            </label>
          )}
        </div>
        <label className="field">
          <span>Triangles, at most</span>
          <output>{formatCount(triangles)}</output>
          <input
            type="range"
            min={0}
            max={TRIANGLES.length - 1}
            value={nearest}
            aria-valuetext={String(triangles)}
            onChange={(event) => onChange({ triangles: TRIANGLES[event.target.valueAsNumber] ?? triangles })}
            data-testid="option-triangles"
          />
        </label>
        <div className="field">
          <span>Surface quality</span>
          <Segmented
            label="Surface quality"
            value={preset}
            options={PRESETS.map((value) => ({ value, label: PRESET_LABELS[value], testId: `option-preset-${value}` }))}
            onChange={(value) => onChange({ preset: value })}
          />
        </div>
        {children}
      </fieldset>
    </details>
  );
}

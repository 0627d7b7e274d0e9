import type { Look } from '../three/looks.ts';
import { Segmented } from './Segmented.tsx';

interface Props {
  look: Look;
  wireframe: boolean;
  turning: boolean;
  onLook(look: Look): void;
  onWireframe(on: boolean): void;
  onTurning(on: boolean): void;
  onReset(): void;
  onPhoto(): void;
}

const LOOKS = [
  { value: 'texture', label: 'Texture', testId: 'look-texture' },
  { value: 'unlit', label: 'Unlit', testId: 'look-unlit' },
  { value: 'clay', label: 'Clay', testId: 'look-clay' },
  { value: 'normals', label: 'Normals', testId: 'look-normals' },
] as const satisfies readonly { value: Look; label: string; testId: string }[];

/** How the mesh is shown and from where. */
export function MeshToolbar({ look, wireframe, turning, onLook, onWireframe, onTurning, onReset, onPhoto }: Props) {
  return (
    <div className="toolbar" role="toolbar" aria-label="View of the mesh">
      <Segmented label="Surface" value={look} options={LOOKS} onChange={onLook} />
      <button
        type="button"
        className="button small"
        aria-pressed={wireframe}
        onClick={() => onWireframe(!wireframe)}
        data-testid="wireframe"
      >
        Wireframe
      </button>
      <button type="button" className="button small" aria-pressed={turning} onClick={() => onTurning(!turning)} data-testid="auto-rotate">
        Turn
      </button>
      <span className="toolbar-gap" />
      <button type="button" className="button small" onClick={onPhoto} data-testid="photo-view">
        Photo view
      </button>
      <button type="button" className="button small" onClick={onReset} data-testid="reset-view">
        Reset
      </button>
    </div>
  );
}

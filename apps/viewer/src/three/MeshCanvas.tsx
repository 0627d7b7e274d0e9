import { useEffect, useMemo, useRef, useState } from 'react';
import { Vector3 } from 'three';
import { AssetScene } from './AssetScene.tsx';
import { disposeAsset, type LoadedAsset, loadGlb } from './load-glb.ts';
import type { Look } from './looks.ts';
import { type CameraGoal, OrbitRig } from './OrbitRig.tsx';
import { ThreeCanvas } from './ThreeCanvas.tsx';

/** One object: a new target would move the camera. */
const ORIGIN = new Vector3();

export interface MeshCanvasProps {
  glb: ArrayBuffer;
  look: Look;
  wireframe: boolean;
  autoRotate: boolean;
  goal: CameraGoal;
  onDrawn(info: { triangles: number }): void;
  onFailure(reason: string): void;
  onTaken(): void;
  keyTarget: HTMLElement | null;
}

/** The 3-D part of the page; this module and three are loaded when there is something to show. */
export default function MeshCanvas({ glb, look, wireframe, autoRotate, goal, onDrawn, onFailure, onTaken, keyTarget }: MeshCanvasProps) {
  const [asset, setAsset] = useState<LoadedAsset | null>(null);
  const fail = useRef(onFailure);
  fail.current = onFailure;

  useEffect(() => {
    let stale = false;
    // what is shown stays until its successor is ready; the scene frees it then
    loadGlb(glb).then(
      (value) => {
        if (stale) disposeAsset(value);
        else setAsset(value);
      },
      (error: unknown) => {
        if (!stale) fail.current(error instanceof Error ? error.message : String(error));
      },
    );
    return () => {
      stale = true;
    };
  }, [glb]);

  // the ring looks at the origin; an asset that stands elsewhere is looked at where it is
  const target = useMemo(() => {
    if (!asset) return ORIGIN;
    const centre = asset.bounds.getCenter(new Vector3());
    return centre.length() < 0.3 ? ORIGIN : centre;
  }, [asset]);

  return (
    <ThreeCanvas fovDeg={goal.pose.fovDeg} onFailure={onFailure}>
      {asset && (
        <>
          <OrbitRig goal={goal} target={target} autoRotate={autoRotate} keyTarget={keyTarget} onTaken={onTaken} />
          <AssetScene asset={asset} look={look} wireframe={wireframe} onDrawn={() => onDrawn({ triangles: asset.triangles })} />
        </>
      )}
    </ThreeCanvas>
  );
}

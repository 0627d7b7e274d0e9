import { lazy, Suspense, useEffect, useState } from 'react';
import { useLiveGlb } from '../hooks/use-live-glb.ts';
import { DEFAULT_POSE } from '../lib/cameras.ts';
import { webGl2 } from '../lib/webgl.ts';
import type { CameraGoal } from '../three/OrbitRig.tsx';
import { ErrorBoundary } from './ErrorBoundary.tsx';

const MeshCanvas = lazy(() => import('../three/MeshCanvas.tsx'));

interface Props {
  /** GLB of the surface so far; it changes as the surface does. */
  meshUrl: string | undefined;
  /** A picture of it, for before and instead of the mesh. */
  pictureUrl: string;
}

const START: CameraGoal = { pose: { ...DEFAULT_POSE, azimuthDeg: 20, elevationDeg: 18, distance: 1.75 }, jump: true };
/** Turn from one mesh to the next where nothing turns between them. */
const TURN_DEG = 12;

/** The surface while it is fitted, slowly turning. */
export function LiveMesh({ meshUrl, pictureUrl }: Props) {
  const [webGl] = useState(webGl2);
  const glb = useLiveGlb(webGl === 'none' ? undefined : meshUrl);
  const [drawn, setDrawn] = useState<number | null>(null);
  const [failed, setFailed] = useState(false);
  const [taken, setTaken] = useState(false);
  const [goal, setGoal] = useState(START);
  const [still] = useState(() => window.matchMedia('(prefers-reduced-motion: reduce)').matches);
  // a browser without a GPU draws on the cores that the fit needs: it turns once a mesh, not sixty times a second
  const stepwise = webGl === 'software' && !still && !taken;
  useEffect(() => {
    if (glb && stepwise) setGoal(({ pose }) => ({ pose: { ...pose, azimuthDeg: pose.azimuthDeg + TURN_DEG }, jump: true }));
  }, [glb, stepwise]);
  const fail = (): void => setFailed(true);
  const shown = drawn !== null && !failed;
  return (
    <div className="live-mesh" data-testid="live-mesh" data-state={shown ? 'mesh' : 'picture'} data-triangles={drawn ?? undefined}>
      {glb && !failed && (
        <ErrorBoundary onError={fail}>
          <Suspense fallback={null}>
            <MeshCanvas
              glb={glb}
              look="texture"
              wireframe={false}
              autoRotate={webGl === 'gpu' && !still && !taken}
              goal={goal}
              keyTarget={null}
              onTaken={() => setTaken(true)}
              onFailure={fail}
              onDrawn={({ triangles }) => setDrawn(triangles)}
            />
          </Suspense>
        </ErrorBoundary>
      )}
      {!shown && <img src={pictureUrl} alt="Surface so far" />}
    </div>
  );
}

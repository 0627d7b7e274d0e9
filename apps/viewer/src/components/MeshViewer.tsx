import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import type { Artifact } from '../api/types.ts';
import { useGlb } from '../hooks/use-glb.ts';
import { DEFAULT_POSE, type OrbitPose, type Poses, VIEW_STEP_DEG } from '../lib/cameras.ts';
import { webGl2 } from '../lib/webgl.ts';
import type { Look } from '../three/looks.ts';
import type { CameraGoal } from '../three/OrbitRig.tsx';
import { ErrorBoundary } from './ErrorBoundary.tsx';
import { MeshToolbar } from './MeshToolbar.tsx';
import { PhotoCompare, type PhotoInCrop } from './PhotoCompare.tsx';

const MeshCanvas = lazy(() => import('../three/MeshCanvas.tsx'));

interface Props {
  asset: Artifact;
  poses: Poses | null;
  /** Last wish to look from a view of the ring. */
  view: { index: number } | null;
  photo: PhotoInCrop | null;
  sheet: string | undefined;
  onTriangles(triangles: number): void;
}

const THREE_QUARTER: OrbitPose = { ...DEFAULT_POSE, azimuthDeg: 32, elevationDeg: 18, distance: 1.7 };

/** The mesh to turn around, with its tools; says so when it cannot be shown. */
export function MeshViewer({ asset, poses, view, photo, sheet, onTriangles }: Props) {
  const [supported] = useState(() => webGl2() !== 'none');
  const glb = useGlb(supported ? asset.url : undefined);
  const [look, setLook] = useState<Look>('texture');
  const [wireframe, setWireframe] = useState(false);
  const [turning, setTurning] = useState(false);
  const [goal, setGoal] = useState<CameraGoal>({ pose: THREE_QUARTER, jump: true });
  const [atPhoto, setAtPhoto] = useState(false);
  const [drawn, setDrawn] = useState<number | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [frame, setFrame] = useState<HTMLDivElement | null>(null);

  const fly = useCallback((pose: OrbitPose, photoSide: boolean) => {
    setTurning(false);
    setAtPhoto(photoSide);
    setGoal({ pose });
  }, []);
  useEffect(() => {
    if (!view) return;
    const side = poses?.ring[view.index] ?? { ...DEFAULT_POSE, elevationDeg: 30, azimuthDeg: view.index * VIEW_STEP_DEG };
    fly(side, false);
  }, [view, poses, fly]);

  const trouble = !supported
    ? 'This browser offers no WebGL 2, so the mesh cannot be shown here. The download below works all the same.'
    : (glb.failure ?? failure);
  if (trouble)
    return (
      <div className="stage mesh-stage trouble" role="alert" data-testid="mesh-failure">
        {sheet && <img src={sheet} alt="The mesh from several sides" />}
        <p>
          <strong>{supported ? 'The mesh could not be shown.' : 'No 3-D here.'}</strong> {trouble}
        </p>
      </div>
    );

  return (
    <div className="stage mesh-stage">
      <div
        ref={setFrame}
        className="mesh-frame"
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys turn the object
        tabIndex={0}
        aria-label={`3-D view of the object${drawn === null ? '' : `, ${drawn} triangles`}. Arrow keys turn it, plus and minus zoom.`}
        data-testid="mesh-canvas"
        data-ready={drawn === null ? 'false' : 'true'}
        data-triangles={drawn ?? undefined}
      >
        <ErrorBoundary onError={setFailure}>
          <Suspense fallback={null}>
            {glb.bytes && (
              <MeshCanvas
                glb={glb.bytes}
                look={look}
                wireframe={wireframe}
                autoRotate={turning}
                goal={goal}
                keyTarget={frame}
                onTaken={() => setAtPhoto(false)}
                onFailure={setFailure}
                onDrawn={({ triangles }) => {
                  setDrawn(triangles);
                  onTriangles(triangles);
                }}
              />
            )}
          </Suspense>
        </ErrorBoundary>
        {drawn === null && (
          <div className="mesh-loading">
            <progress {...(glb.bytes === null && glb.share !== null && { value: glb.share, max: 1 })} aria-label="Loading the mesh" />
          </div>
        )}
        {atPhoto && photo && <PhotoCompare {...photo} />}
      </div>
      <MeshToolbar
        look={look}
        wireframe={wireframe}
        turning={turning}
        onLook={setLook}
        onWireframe={setWireframe}
        onTurning={(on) => {
          setTurning(on);
          if (on) setAtPhoto(false);
        }}
        onReset={() => fly(THREE_QUARTER, false)}
        onPhoto={() => fly(poses?.photo ?? DEFAULT_POSE, true)}
      />
    </div>
  );
}

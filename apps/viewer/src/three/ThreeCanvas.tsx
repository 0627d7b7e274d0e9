import { createRoot, extend, type ReconcilerRoot } from '@react-three/fiber';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { DirectionalLight, HemisphereLight, Mesh, MeshBasicMaterial, PlaneGeometry } from 'three';

// only what the scene is made of: fiber's own Canvas brings all of three along
extend({ DirectionalLight, HemisphereLight, Mesh, MeshBasicMaterial, PlaneGeometry });

interface Props {
  fovDeg: number;
  /** The renderer could not be made. */
  onFailure(reason: string): void;
  children: ReactNode;
}

/** A canvas that draws on demand, at most two pixels a point, and follows the size of its frame. */
export function ThreeCanvas({ fovDeg, onFailure, children }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [root, setRoot] = useState<ReconcilerRoot<HTMLCanvasElement> | null>(null);
  const [size, setSize] = useState<{ width: number; height: number; top: number; left: number } | null>(null);
  const fail = useRef(onFailure);
  fail.current = onFailure;
  const fov = useRef(fovDeg);

  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const measure = (): void => {
      const { width, height } = element.getBoundingClientRect();
      if (width > 0 && height > 0) setSize({ width, height, top: 0, left: 0 });
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    // a canvas of its own for each root: a root gives up its context for good
    const canvas = document.createElement('canvas');
    element.append(canvas);
    const made = createRoot(canvas);
    setRoot(made);
    return () => {
      observer.disconnect();
      made.unmount();
      canvas.remove();
    };
  }, []);

  useEffect(() => {
    if (!root || !size) return;
    let stale = false;
    root
      .configure({
        frameloop: 'demand',
        flat: true,
        dpr: [1, 2],
        size,
        camera: { near: 0.01, far: 40, fov: fov.current },
        gl: { antialias: true, powerPreference: 'high-performance' },
      })
      .then(
        () => !stale && root.render(children),
        (error: unknown) => !stale && fail.current(error instanceof Error ? error.message : String(error)),
      );
    return () => {
      stale = true;
    };
  }, [root, size, children]);

  return <div ref={frame} className="three-canvas" />;
}

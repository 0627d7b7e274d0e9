import { useFrame, useThree } from '@react-three/fiber';
import { useEffect, useMemo, useRef } from 'react';
import { DoubleSide, Vector3 } from 'three';
import { contactShadow } from './contact-shadow.ts';
import { disposeAsset, type LoadedAsset } from './load-glb.ts';
import { applyLook, type Look } from './looks.ts';

interface Props {
  asset: LoadedAsset;
  look: Look;
  wireframe: boolean;
  /** After the first frame that shows the asset. */
  onDrawn(): void;
}

/** The asset under soft neutral light, on its own shadow. Frees it when it is replaced or goes. */
export function AssetScene({ asset, look, wireframe, onDrawn }: Props) {
  const invalidate = useThree((three) => three.invalidate);
  const { centre, span, floor } = useMemo(() => {
    const size = asset.bounds.getSize(new Vector3());
    return {
      centre: asset.bounds.getCenter(new Vector3()),
      span: Math.max(size.x, size.z) * 1.7 + 0.2,
      floor: asset.bounds.min.y - 0.004,
    };
  }, [asset]);
  const shadow = useMemo(() => contactShadow(asset.meshes, asset.bounds, span), [asset, span]);
  useEffect(() => () => shadow.dispose(), [shadow]);
  // here and not where it is loaded: only the scene knows when it draws the asset no more
  useEffect(() => () => disposeAsset(asset), [asset]);

  useEffect(() => {
    applyLook(asset.meshes, look);
    invalidate();
  }, [asset, look, invalidate]);

  useEffect(() => invalidate(), [wireframe, invalidate]);

  const drawn = useRef<LoadedAsset | null>(null);
  useFrame(({ gl, scene, camera }) => {
    gl.render(scene, camera);
    if (drawn.current === asset) return;
    drawn.current = asset;
    onDrawn();
  }, 1);

  return (
    <>
      <hemisphereLight args={[0xffffff, 0xb8b2aa, 2.1]} />
      <directionalLight position={[1.2, 2.2, 1.8]} intensity={1.5} />
      <directionalLight position={[-2, 0.8, -1.6]} intensity={0.6} />
      <primitive object={asset.root} />
      {wireframe &&
        asset.meshes.map((mesh) => (
          <mesh key={mesh.uuid} geometry={mesh.geometry} matrixAutoUpdate={false} matrix={mesh.matrixWorld} renderOrder={1}>
            <meshBasicMaterial
              wireframe
              color={0x14181f}
              transparent
              opacity={0.35}
              depthWrite={false}
              polygonOffset
              polygonOffsetFactor={-1}
            />
          </mesh>
        ))}
      <mesh position={[centre.x, floor, centre.z]} rotation={[-Math.PI / 2, 0, 0]} scale={[span, -span, 1]} renderOrder={-1}>
        <planeGeometry />
        <meshBasicMaterial map={shadow} transparent depthWrite={false} side={DoubleSide} />
      </mesh>
    </>
  );
}

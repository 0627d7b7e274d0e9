import { useFrame, useThree } from '@react-three/fiber';
import { useEffect, useMemo, useRef } from 'react';
import { MathUtils, PerspectiveCamera, Spherical, type Vector3 } from 'three';
import { OrbitControls } from 'three/addons/controls/OrbitControls.js';
import type { OrbitPose } from '../lib/cameras.ts';

/** A wish to look from somewhere; a new object is a new wish. */
export interface CameraGoal {
  pose: OrbitPose;
  /** Without a flight. */
  jump?: boolean;
}

interface Props {
  goal: CameraGoal;
  target: Vector3;
  autoRotate: boolean;
  /** Keys go here. */
  keyTarget: HTMLElement | null;
  /** The user took the camera. */
  onTaken(): void;
}

interface Flight {
  from: Spherical;
  to: Spherical;
  fromFov: number;
  toFov: number;
  progress: number;
}

const FLIGHT_SECONDS = 0.55;
const KEY_STEP = MathUtils.degToRad(7.5);

/** Vertical field of view that shows a square of `fovDeg` whole, whatever the shape of the canvas. */
function fittingFov(fovDeg: number, aspect: number): number {
  if (aspect >= 1) return fovDeg;
  return MathUtils.radToDeg(2 * Math.atan(Math.tan(MathUtils.degToRad(fovDeg) / 2) / aspect));
}

function sphericalOf(pose: OrbitPose): Spherical {
  const spherical = new Spherical(pose.distance, MathUtils.degToRad(90 - pose.elevationDeg), MathUtils.degToRad(pose.azimuthDeg));
  return spherical.makeSafe();
}

/** Camera that orbits by hand, by key, by itself, or flies to a goal; draws only while something moves. */
export function OrbitRig({ goal, target, autoRotate, keyTarget, onTaken }: Props): null {
  const camera = useThree((three) => three.camera);
  const element = useThree((three) => three.gl.domElement);
  const invalidate = useThree((three) => three.invalidate);
  const { width, height } = useThree((three) => three.size);
  const flight = useRef<Flight | null>(null);
  const baseFov = useRef(goal.pose.fovDeg);
  const taken = useRef(onTaken);
  taken.current = onTaken;

  const controls = useMemo(() => {
    const made = new OrbitControls(camera);
    made.enableDamping = true;
    made.dampingFactor = 0.12;
    made.enablePan = true;
    made.minDistance = 0.4;
    made.maxDistance = 6;
    made.autoRotateSpeed = 2.2;
    return made;
  }, [camera]);

  useEffect(() => {
    controls.connect(element);
    const wake = (): void => invalidate();
    const take = (): void => {
      flight.current = null;
      taken.current();
    };
    controls.addEventListener('change', wake);
    controls.addEventListener('start', take);
    return () => {
      controls.removeEventListener('change', wake);
      controls.removeEventListener('start', take);
      controls.disconnect();
    };
  }, [controls, element, invalidate]);

  useEffect(() => {
    controls.autoRotate = autoRotate;
    invalidate();
  }, [controls, autoRotate, invalidate]);

  // the shape of the canvas changes what fits
  useEffect(() => {
    if (!(camera instanceof PerspectiveCamera) || height === 0) return;
    camera.fov = fittingFov(baseFov.current, width / height);
    camera.updateProjectionMatrix();
    invalidate();
  }, [camera, width, height, invalidate]);

  useEffect(() => {
    const to = sphericalOf(goal.pose);
    controls.target.copy(target);
    const still = window.matchMedia('(prefers-reduced-motion: reduce)').matches;
    if (goal.jump || still) {
      flight.current = null;
      baseFov.current = goal.pose.fovDeg;
      camera.position.setFromSpherical(to).add(target);
      if (camera instanceof PerspectiveCamera) camera.fov = fittingFov(goal.pose.fovDeg, camera.aspect);
      camera.updateProjectionMatrix();
      controls.update();
    } else {
      const from = new Spherical().setFromVector3(camera.position.clone().sub(target));
      // the short way round
      to.theta = from.theta + MathUtils.euclideanModulo(to.theta - from.theta + Math.PI, 2 * Math.PI) - Math.PI;
      flight.current = { from, to, fromFov: baseFov.current, toFov: goal.pose.fovDeg, progress: 0 };
    }
    invalidate();
  }, [goal, target, camera, controls, invalidate]);

  useEffect(() => {
    if (!keyTarget) return;
    const turn = (event: KeyboardEvent): void => {
      const offset = new Spherical().setFromVector3(camera.position.clone().sub(controls.target));
      if (event.key === 'ArrowLeft') offset.theta -= KEY_STEP;
      else if (event.key === 'ArrowRight') offset.theta += KEY_STEP;
      else if (event.key === 'ArrowUp') offset.phi -= KEY_STEP;
      else if (event.key === 'ArrowDown') offset.phi += KEY_STEP;
      else if (event.key === '+' || event.key === '=') offset.radius /= 1.1;
      else if (event.key === '-') offset.radius *= 1.1;
      else return;
      event.preventDefault();
      flight.current = null;
      taken.current();
      offset.phi = MathUtils.clamp(offset.phi, 0.02, Math.PI - 0.02);
      offset.radius = MathUtils.clamp(offset.radius, controls.minDistance, controls.maxDistance);
      camera.position.setFromSpherical(offset).add(controls.target);
      controls.update();
      invalidate();
    };
    keyTarget.addEventListener('keydown', turn);
    return () => keyTarget.removeEventListener('keydown', turn);
  }, [keyTarget, camera, controls, invalidate]);

  useFrame((_, delta) => {
    const active = flight.current;
    if (active) {
      active.progress = Math.min(1, active.progress + Math.min(delta, 0.1) / FLIGHT_SECONDS);
      const t = active.progress ** 2 * (3 - 2 * active.progress);
      const mix = (a: number, b: number): number => a + (b - a) * t;
      const now = new Spherical(
        mix(active.from.radius, active.to.radius),
        mix(active.from.phi, active.to.phi),
        mix(active.from.theta, active.to.theta),
      );
      camera.position.setFromSpherical(now).add(controls.target);
      baseFov.current = mix(active.fromFov, active.toFov);
      if (camera instanceof PerspectiveCamera) camera.fov = fittingFov(baseFov.current, camera.aspect);
      camera.updateProjectionMatrix();
      if (active.progress >= 1) flight.current = null;
      else invalidate();
    }
    controls.update(Math.min(delta, 0.1));
  });

  return null;
}

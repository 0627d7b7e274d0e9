import type { BufferGeometry } from 'three';
import type { Dice } from '../dice.ts';

/**
 * Bends, tapers, twists or dents a geometry in place and gives it new normals, as Zeroverse does with its primitives
 * (Xie et al. 2024, LRM-Zero, section 3). Heights are expected in about -0.5..0.5.
 */
export function deform(geometry: BufferGeometry, r: Dice): BufferGeometry {
  const taper = r.chance(0.5) ? r.range(-0.9, 0.9) : 0;
  const twist = r.chance(0.4) ? r.range(-2.5, 2.5) : 0;
  const bend = r.chance(0.4) ? r.range(-1.4, 1.4) : 0;
  const wave = r.chance(0.3) ? r.range(0.03, 0.12) : 0;
  const waveCount = r.range(4, 14);
  const wavePhase = r.range(0, 6.283);
  const { position } = geometry.attributes;
  for (let i = 0; i < position!.count; i++) {
    const y = position!.getY(i);
    const scale = 1 + taper * y + wave * Math.sin(waveCount * y + wavePhase);
    const [cos, sin] = [Math.cos(twist * y) * scale, Math.sin(twist * y) * scale];
    const x = position!.getX(i);
    const z = position!.getZ(i);
    position!.setXYZ(i, x * cos - z * sin + bend * y * y, y, x * sin + z * cos);
  }
  geometry.computeVertexNormals();
  return geometry;
}

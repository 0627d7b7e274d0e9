import { createRng, type Rng } from '@gestalt3d/core';

type Field = (x: number, y: number, z: number) => number;

/** 50 signed distances (negative inside) over [-0.6, 0.6]^3 that real surfaces go wrong like: noise, shells, thin walls, touching parts. */
export function adversarialFields(): { name: string; field: Field }[] {
  const rng = createRng(2024);
  const fields: { name: string; field: Field }[] = [];
  const sphere =
    (x0: number, y0: number, z0: number, r: number): Field =>
    (x, y, z) =>
      Math.hypot(x - x0, y - y0, z - z0) - r;
  const box =
    (hx: number, hy: number, hz: number, x0 = 0, y0 = 0, z0 = 0): Field =>
    (x, y, z) =>
      Math.max(Math.abs(x - x0) - hx, Math.abs(y - y0) - hy, Math.abs(z - z0) - hz);
  for (let i = 0; i < 10; i++) {
    const waves = Array.from({ length: 12 }, () => wave(rng, 4 + 4 * i));
    const noise: Field = (x, y, z) => waves.reduce((sum, one) => sum + one(x, y, z), 0) / 12;
    const amplitude = 0.05 + 0.05 * i;
    fields.push({
      name: `noise ${i}`,
      field: (x, y, z) => Math.max(Math.hypot(x, y, z) - 0.4 + amplitude * noise(x, y, z), Math.hypot(x, y, z) - 0.55),
    });
  }
  for (let i = 0; i < 10; i++) {
    const gap = 0.16 / (i + 1);
    fields.push({
      name: `nested shells ${i}`,
      field: (x, y, z) => {
        const r = Math.hypot(x, y, z);
        return Math.max(r - 0.5, Math.abs(((r / gap) % 2) - 1) * gap - 0.5 * gap);
      },
    });
  }
  for (let i = 0; i < 15; i++) {
    const half = 0.03 / (1 + i);
    const tilt = 0.3 * i;
    fields.push({
      name: `paper-thin wall ${i}`,
      field: (x, y, z) => Math.max(Math.abs(Math.cos(tilt) * x + Math.sin(tilt) * z) - half, Math.hypot(x, y, z) - 0.5),
    });
  }
  for (let i = 0; i < 15; i++) {
    // from a clear gap over contact to overlap, in steps of about a thousandth
    const gap = (i - 7) * 0.002;
    const parts: Field[] =
      i % 3 === 0
        ? [sphere(-0.25 - gap / 2, 0, 0, 0.25), sphere(0.25 + gap / 2, 0, 0, 0.25)]
        : i % 3 === 1
          ? [box(0.2, 0.2, 0.2, -0.2 - gap / 2), box(0.2, 0.1, 0.3, 0.2 + gap / 2, 0.05)]
          : [box(0.15, 0.15, 0.15, -0.15 - gap, -0.15 - gap, -0.15 - gap), box(0.15, 0.15, 0.15, 0.15, 0.15, 0.15)];
    fields.push({ name: `touching parts ${i}`, field: (x, y, z) => Math.min(...parts.map((part) => part(x, y, z))) });
  }
  return fields;
}

function wave(rng: Rng, frequency: number): Field {
  const [a, b, c] = [rng.normal(), rng.normal(), rng.normal()].map((value) => value * frequency);
  const phase = rng.uniform() * 2 * Math.PI;
  return (x, y, z) => 3 * Math.sin(a * x + b * y + c * z + phase);
}

/** What we read of a Wavefront material. */
export interface Material {
  /** Kd, sRGB in 0..1. */
  colour: [number, number, number];
  /** d, or 1 - Tr. */
  opacity: number;
  /** map_Kd, as written in the file. */
  texture?: string;
}

export const DEFAULT_MATERIAL: Readonly<Material> = { colour: [0.7, 0.7, 0.7], opacity: 1 };

/** Materials by name of a Wavefront .mtl file. Statements it does not know are passed over. */
export function parseMtl(text: string): Map<string, Material> {
  const materials = new Map<string, Material>();
  let material: Material | undefined;
  for (const line of text.split(/\r?\n/)) {
    const [key, ...rest] = line.trim().split(/\s+/);
    if (key === 'newmtl') {
      material = { colour: [...DEFAULT_MATERIAL.colour], opacity: 1 };
      materials.set(rest.join(' '), material);
    } else if (!material) continue;
    else if (key === 'Kd') {
      const [r, g, b] = rest.map(Number);
      if ([r, g, b].every(Number.isFinite)) material.colour = [r, g, b];
    } else if (key === 'd') material.opacity = finite(rest.at(-1), 1);
    else if (key === 'Tr') material.opacity = 1 - finite(rest[0], 0);
    else if (key === 'map_Kd') {
      // options such as `-s 2 2 1` stand before the file's name
      const file = rest.join(' ').replace(/^(-\S+(\s+-?[\d.]+)+\s+)+/, '');
      material.texture = file.replaceAll('\\', '/');
    }
  }
  return materials;
}

function finite(text: string | undefined, otherwise: number): number {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) ? value : otherwise;
}

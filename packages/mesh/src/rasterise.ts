import { type Camera, cameraFromWorld, type Mesh } from '@gestalt3d/core';

/** What a pixel of a rendered mesh shows. */
export interface Raster {
  width: number;
  height: number;
  /** Triangle [H, W], -1 where there is none. */
  triangle: Int32Array;
  /** Weights of the triangle's second and third corner, perspective-correct [H, W, 2]; the first has the rest. */
  weights: Float32Array;
  /** Distance along the optical axis [H, W], infinite where there is nothing. */
  depth: Float32Array;
}

/** Vertices in front of the camera by less than this are not drawn, nor are their triangles. */
const NEAR = 1e-4;
/** Corners are snapped to this part of a pixel; edge functions of snapped corners are exact, so shared edges have neither gaps nor overlaps. */
const SNAP = 4096;

/** The mesh seen by a camera: nearest triangle per pixel, sampled at pixel centres (+ 0.5), top-left rule. */
export function rasteriseView(mesh: Mesh, camera: Camera, cull: 'none' | 'back' = 'none'): Raster {
  const count = mesh.positions.length / 3;
  const xy = new Float64Array(count * 2);
  const inverseDepth = new Float64Array(count);
  const m = cameraFromWorld(camera);
  const p = mesh.positions;
  for (let v = 0; v < count; v++) {
    const x = p[v * 3];
    const y = p[v * 3 + 1];
    const z = p[v * 3 + 2];
    const depth = -(m[2] * x + m[6] * y + m[10] * z + m[14]);
    if (depth < NEAR) continue;
    inverseDepth[v] = 1 / depth;
    xy[v * 2] = camera.cx + (camera.flX * (m[0] * x + m[4] * y + m[8] * z + m[12])) / depth;
    xy[v * 2 + 1] = camera.cy - (camera.flY * (m[1] * x + m[5] * y + m[9] * z + m[13])) / depth;
  }
  // counter-clockwise from outside is clockwise once y runs down
  return rasterise(xy, inverseDepth, mesh.indices, camera.width, camera.height, cull === 'back' ? -1 : 0);
}

/** The atlas itself: triangle and weights of every texel whose centre is inside one. */
export function rasteriseAtlas(mesh: Mesh, width: number, height = width): Raster {
  const uvs = mesh.uvs ?? new Float32Array(0);
  const xy = new Float64Array(uvs.length);
  for (let i = 0; i < uvs.length; i += 2) {
    xy[i] = uvs[i] * width;
    xy[i + 1] = uvs[i + 1] * height;
  }
  return rasterise(xy, new Float64Array(uvs.length / 2).fill(1), mesh.indices, width, height, 0);
}

function rasterise(
  xy: Float64Array,
  inverseDepth: Float64Array,
  indices: Uint32Array,
  width: number,
  height: number,
  facing: -1 | 0,
): Raster {
  const triangle = new Int32Array(width * height).fill(-1);
  const weights = new Float32Array(width * height * 2);
  const depth = new Float32Array(width * height).fill(Infinity);
  const nearest = new Float64Array(width * height);
  const half = SNAP / 2;
  for (let t = 0; t * 3 < indices.length; t++) {
    const a = indices[t * 3];
    let b = indices[t * 3 + 1];
    let c = indices[t * 3 + 2];
    if (inverseDepth[a] === 0 || inverseDepth[b] === 0 || inverseDepth[c] === 0) continue;
    const ax = Math.round(xy[a * 2] * SNAP);
    const ay = Math.round(xy[a * 2 + 1] * SNAP);
    let bx = Math.round(xy[b * 2] * SNAP);
    let by = Math.round(xy[b * 2 + 1] * SNAP);
    let cx = Math.round(xy[c * 2] * SNAP);
    let cy = Math.round(xy[c * 2 + 1] * SNAP);
    let area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
    if (area === 0 || (facing < 0 && area > 0)) continue;
    const swapped = area < 0;
    if (swapped) {
      [b, c, bx, by, cx, cy, area] = [c, b, cx, cy, bx, by, -area];
    }
    const x0 = Math.max(0, Math.ceil((Math.min(ax, bx, cx) - half) / SNAP));
    const x1 = Math.min(width - 1, Math.floor((Math.max(ax, bx, cx) - half) / SNAP));
    const y0 = Math.max(0, Math.ceil((Math.min(ay, by, cy) - half) / SNAP));
    const y1 = Math.min(height - 1, Math.floor((Math.max(ay, by, cy) - half) / SNAP));
    if (x0 > x1 || y0 > y1) continue;
    // edge functions, positive inside (area > 0 with y down: corners run clockwise on screen);
    // a pixel on an edge belongs to it only if the edge is a top or a left one
    const stepA = (by - cy) * SNAP;
    const stepB = (cy - ay) * SNAP;
    const stepC = (ay - by) * SNAP;
    const minA = isTopLeft(cx - bx, cy - by) ? 0 : 1;
    const minB = isTopLeft(ax - cx, ay - cy) ? 0 : 1;
    const minC = isTopLeft(bx - ax, by - ay) ? 0 : 1;
    const ia = inverseDepth[a] / area;
    const ib = inverseDepth[b] / area;
    const ic = inverseDepth[c] / area;
    const px = x0 * SNAP + half;
    for (let y = y0; y <= y1; y++) {
      const py = y * SNAP + half;
      let wa = (cx - bx) * (py - by) - (cy - by) * (px - bx);
      let wb = (ax - cx) * (py - cy) - (ay - cy) * (px - cx);
      let wc = (bx - ax) * (py - ay) - (by - ay) * (px - ax);
      for (let x = x0, at = y * width + x0; x <= x1; x++, at++, wa += stepA, wb += stepB, wc += stepC) {
        if (wa < minA || wb < minB || wc < minC) continue;
        const inverse = wa * ia + wb * ib + wc * ic;
        if (inverse <= nearest[at]) continue;
        nearest[at] = inverse;
        depth[at] = 1 / inverse;
        triangle[at] = t;
        const second = (wb * ib) / inverse;
        const third = (wc * ic) / inverse;
        weights[at * 2] = swapped ? third : second;
        weights[at * 2 + 1] = swapped ? second : third;
      }
    }
  }
  return { width, height, triangle, weights, depth };
}

/** For corners that run clockwise on a screen with y down: a top edge is level and runs right, a left edge runs up. */
function isTopLeft(dx: number, dy: number): boolean {
  return dy < 0 || (dy === 0 && dx > 0);
}

import type { Camera } from './camera.ts';
import { ViewsFormatError } from './errors.ts';

/** Intrinsics in pixels; lens distortion as OpenCV names it. They stand in a frame or at the top. */
interface TransformsIntrinsics {
  w?: number;
  h?: number;
  fl_x?: number;
  fl_y?: number;
  cx?: number;
  cy?: number;
  k1?: number;
  k2?: number;
  k3?: number;
  k4?: number;
  p1?: number;
  p2?: number;
}

/** One frame of a NeRF `transforms.json`. */
export interface TransformsFrame extends TransformsIntrinsics {
  file_path: string;
  /** Row-major 4 x 4 camera to world, OpenGL axes. */
  transform_matrix: number[][];
}

/** The layout that nerfstudio and instant-ngp read and write. */
export interface Transforms extends TransformsIntrinsics {
  camera_angle_x?: number;
  frames: TransformsFrame[];
}

/** Frame of a camera, with its own intrinsics. */
export function frameOfCamera(filePath: string, camera: Camera): TransformsFrame {
  const m = camera.worldFromCamera;
  return {
    file_path: filePath,
    w: camera.width,
    h: camera.height,
    fl_x: camera.flX,
    fl_y: camera.flY,
    cx: camera.cx,
    cy: camera.cy,
    transform_matrix: [0, 1, 2, 3].map((r) => [0, 1, 2, 3].map((c) => m[c * 4 + r]!)),
  };
}

/**
 * Camera of a frame for an image of the given size: intrinsics scale when the file's `w`, `h` differ from the image's.
 * @throws ViewsFormatError when neither focal length nor camera_angle_x is given, or the matrix is not a rigid 4 x 4
 */
export function cameraOfFrame(transforms: Transforms, index: number, size: { width: number; height: number }): Camera {
  const frame = transforms.frames[index]!;
  const pick = (key: 'w' | 'h' | 'fl_x' | 'fl_y' | 'cx' | 'cy'): number | undefined => frame[key] ?? transforms[key];
  const w = pick('w') ?? size.width;
  const h = pick('h') ?? size.height;
  let flX = pick('fl_x');
  if (flX === undefined && transforms.camera_angle_x !== undefined) flX = w / 2 / Math.tan(transforms.camera_angle_x / 2);
  if (flX === undefined || !(flX > 0))
    throw new ViewsFormatError(`frame ${index}`, 'a positive fl_x or camera_angle_x', flX === undefined ? 'neither' : String(flX));
  const rows = frame.transform_matrix;
  if (!Array.isArray(rows) || rows.length < 3 || rows.some((row) => !Array.isArray(row) || row.length !== 4 || !row.every(Number.isFinite)))
    throw new ViewsFormatError(`frame ${index}`, 'transform_matrix as 4 rows of 4 numbers', JSON.stringify(rows)?.slice(0, 60) ?? 'none');
  for (let r = 0; r < 3; r++) {
    const length = Math.hypot(rows[0]![r]!, rows[1]![r]!, rows[2]![r]!);
    if (Math.abs(length - 1) > 0.01)
      throw new ViewsFormatError(`frame ${index}`, 'a rotation with columns of length 1', `column ${r} of length ${length.toFixed(3)}`);
  }
  const sx = size.width / w;
  const sy = size.height / h;
  const worldFromCamera = new Array<number>(16).fill(0);
  for (let r = 0; r < 3; r++) for (let c = 0; c < 4; c++) worldFromCamera[c * 4 + r] = rows[r]![c]!;
  worldFromCamera[15] = 1;
  return {
    ...size,
    flX: flX * sx,
    flY: (pick('fl_y') ?? flX) * sy,
    cx: (pick('cx') ?? w / 2) * sx,
    cy: (pick('cy') ?? h / 2) * sy,
    worldFromCamera,
  };
}

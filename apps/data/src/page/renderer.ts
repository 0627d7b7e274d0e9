import { Matrix4, PerspectiveCamera } from 'three';
import { indexVertices } from './index-vertices.ts';
import type { Lighting } from './lighting.ts';
import type { LoadedObject } from './load-object.ts';
import { FRAGMENT_SHADER, VERTEX_SHADER } from './shaders.ts';

/** Radians; see ViewInfo for the frame. */
export interface ViewCamera {
  azimuth: number;
  elevation: number;
  roll: number;
  distance: number;
  /** Focal length in widths. */
  focal: number;
}

/**
 * Tiles of `pixels` x `pixels` in rows of `columns`, the first row at the bottom. Bytes as WebGL reads them: four a pixel, rows from the bottom.
 * One read for many views: a read takes longer than the drawing.
 */
export interface Atlas {
  columns: number;
  pixels: number;
  bytes: Uint8Array;
}

interface Draw {
  vertexArray: WebGLVertexArrayObject;
  buffers: WebGLBuffer[];
  texture: WebGLTexture | null;
  diffuse: [number, number, number];
  count: number;
}

const SAMPLES = 4;

/** Position, normal, texture coordinates, interleaved; offsets in bytes. */
const ATTRIBUTES = [
  { width: 3, offset: 0 },
  { width: 3, offset: 12 },
  { width: 2, offset: 24 },
] as const;

/** WebGL2, one object at a time, many views at once, into atlases of at most `width` x `height` pixels. */
export class Renderer {
  readonly #gl: WebGL2RenderingContext;
  readonly #program: WebGLProgram;
  readonly #layers: WebGLFramebuffer;
  readonly #multisampled: WebGLFramebuffer;
  readonly #resolved: WebGLFramebuffer;
  readonly #uniforms = new Map<string, WebGLUniformLocation | null>();
  #draws: Draw[] = [];

  constructor(width: number, height: number) {
    const gl = new OffscreenCanvas(8, 8).getContext('webgl2', { antialias: false });
    if (!gl) throw new Error('this browser offers no WebGL2');
    this.#gl = gl;
    this.#program = link(gl);
    const texture = () => {
      const made = gl.createTexture();
      gl.bindTexture(gl.TEXTURE_2D, made);
      gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, width, height);
      return made;
    };
    const buffer = (samples: number, format: number) => {
      const made = gl.createRenderbuffer();
      gl.bindRenderbuffer(gl.RENDERBUFFER, made);
      gl.renderbufferStorageMultisample(gl.RENDERBUFFER, samples, format, width, height);
      return made;
    };
    const frame = (attach: () => void) => {
      const made = gl.createFramebuffer();
      gl.bindFramebuffer(gl.FRAMEBUFFER, made);
      attach();
      return made;
    };
    const onto = (attachment: number, image: WebGLTexture) => gl.framebufferTexture2D(gl.FRAMEBUFFER, attachment, gl.TEXTURE_2D, image, 0);
    this.#layers = frame(() => {
      onto(gl.COLOR_ATTACHMENT0, texture());
      onto(gl.COLOR_ATTACHMENT1, texture());
      gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, buffer(0, gl.DEPTH_COMPONENT24));
      gl.drawBuffers([gl.COLOR_ATTACHMENT0, gl.COLOR_ATTACHMENT1]);
    });
    this.#multisampled = frame(() => {
      gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.RENDERBUFFER, buffer(SAMPLES, gl.RGBA8));
      gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, buffer(SAMPLES, gl.DEPTH_COMPONENT24));
      gl.drawBuffers([gl.COLOR_ATTACHMENT0]);
    });
    this.#resolved = frame(() => onto(gl.COLOR_ATTACHMENT0, texture()));
    gl.enable(gl.DEPTH_TEST);
  }

  /** Takes the place of the object before. */
  upload({ batches, images }: Pick<LoadedObject, 'batches' | 'images'>): void {
    const gl = this.#gl;
    for (const draw of this.#draws) {
      gl.deleteVertexArray(draw.vertexArray);
      for (const buffer of draw.buffers) gl.deleteBuffer(buffer);
      gl.deleteTexture(draw.texture);
    }
    this.#draws = batches.map((batch) => {
      const vertexArray = gl.createVertexArray();
      gl.bindVertexArray(vertexArray);
      const { vertices, indices } = indexVertices(batch);
      const contents = [
        [gl.ARRAY_BUFFER, vertices],
        [gl.ELEMENT_ARRAY_BUFFER, indices],
      ] as const;
      const buffers = contents.map(([target, data]) => {
        const buffer = gl.createBuffer();
        gl.bindBuffer(target, buffer);
        gl.bufferData(target, data, gl.STATIC_DRAW);
        return buffer;
      });
      for (const [i, { width, offset }] of ATTRIBUTES.entries()) {
        gl.enableVertexAttribArray(i);
        gl.vertexAttribPointer(i, width, gl.FLOAT, false, 32, offset);
      }
      const image = batch.texture === undefined ? undefined : images.get(batch.texture);
      return {
        vertexArray,
        buffers,
        texture: image ? this.#createTexture(image) : null,
        diffuse: batch.colour,
        count: batch.position.length / 3,
      };
    });
  }

  /**
   * Not antialiased. First row: the nearest surfaces of each view. Second row: the farthest as seen from behind.
   * Depth bytes: high, low, 0, 255 where something was drawn.
   */
  renderLayers(cameras: readonly ViewCamera[], lighting: Lighting, pixels: number): { colour: Atlas; depth: Atlas } {
    const gl = this.#gl;
    const columns = cameras.length;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#layers);
    for (const [i, camera] of cameras.entries()) {
      this.#draw(camera, lighting, { x: i * pixels, y: 0, pixels }, false);
      this.#draw(camera, lighting, { x: i * pixels, y: pixels, pixels }, true);
    }
    const read = (attachment: number): Atlas => ({ columns, pixels, bytes: this.#read(attachment, columns * pixels, 2 * pixels) });
    return { colour: read(gl.COLOR_ATTACHMENT0), depth: read(gl.COLOR_ATTACHMENT1) };
  }

  /** Colours of the nearest surfaces times coverage, and coverage; antialiased. */
  renderColours(cameras: readonly ViewCamera[], lighting: Lighting, pixels: number, columns: number): Atlas {
    const gl = this.#gl;
    const [width, height] = [columns * pixels, Math.ceil(cameras.length / columns) * pixels];
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#multisampled);
    for (const [i, camera] of cameras.entries())
      this.#draw(camera, lighting, { x: (i % columns) * pixels, y: Math.floor(i / columns) * pixels, pixels }, false);
    gl.disable(gl.SCISSOR_TEST);
    gl.bindFramebuffer(gl.READ_FRAMEBUFFER, this.#multisampled);
    gl.bindFramebuffer(gl.DRAW_FRAMEBUFFER, this.#resolved);
    gl.blitFramebuffer(0, 0, width, height, 0, 0, width, height, gl.COLOR_BUFFER_BIT, gl.NEAREST);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.#resolved);
    return { columns, pixels, bytes: this.#read(gl.COLOR_ATTACHMENT0, width, height) };
  }

  #draw(view: ViewCamera, lighting: Lighting, tile: { x: number; y: number; pixels: number }, fromBehind: boolean): void {
    const gl = this.#gl;
    const { distance } = view;
    const eye = eyeOf(view);
    gl.viewport(tile.x, tile.y, tile.pixels, tile.pixels);
    gl.enable(gl.SCISSOR_TEST);
    gl.scissor(tile.x, tile.y, tile.pixels, tile.pixels);
    gl.useProgram(this.#program);
    gl.uniformMatrix4fv(this.#at('viewProjection'), false, viewProjectionOf(view).elements);
    gl.uniform3fv(this.#at('eye'), eye);
    gl.uniform3fv(
      this.#at('forward'),
      eye.map((value) => -value / distance),
    );
    gl.uniform1f(this.#at('centreDepth'), distance);
    gl.uniform3fv(this.#at('sky'), lighting.sky);
    gl.uniform3fv(this.#at('ground'), lighting.ground);
    gl.uniform1f(this.#at('gloss'), lighting.gloss);
    gl.uniform3fv(this.#at('lightDirection'), lighting.directions.flat());
    gl.uniform3fv(this.#at('lightColour'), lighting.colours.flat());
    gl.uniform1i(this.#at('fromBehind'), fromBehind ? 1 : 0);
    gl.depthFunc(fromBehind ? gl.GREATER : gl.LESS);
    gl.clearDepth(fromBehind ? 0 : 1);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    for (const draw of this.#draws) {
      gl.bindVertexArray(draw.vertexArray);
      gl.uniform1i(this.#at('textured'), draw.texture ? 1 : 0);
      gl.uniform3fv(this.#at('diffuse'), draw.texture ? [1, 1, 1] : draw.diffuse);
      gl.bindTexture(gl.TEXTURE_2D, draw.texture);
      gl.drawElements(gl.TRIANGLES, draw.count, gl.UNSIGNED_INT, 0);
    }
  }

  #read(attachment: number, width: number, height: number): Uint8Array {
    const gl = this.#gl;
    const bytes = new Uint8Array(width * height * 4);
    gl.readBuffer(attachment);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    return bytes;
  }

  #createTexture(image: OffscreenCanvas): WebGLTexture {
    const gl = this.#gl;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, image);
    gl.generateMipmap(gl.TEXTURE_2D);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
    return texture;
  }

  #at(name: string): WebGLUniformLocation | null {
    if (!this.#uniforms.has(name)) this.#uniforms.set(name, this.#gl.getUniformLocation(this.#program, name));
    return this.#uniforms.get(name)!;
  }
}

function eyeOf({ azimuth, elevation, distance }: ViewCamera): [number, number, number] {
  return [
    Math.sin(azimuth) * Math.cos(elevation) * distance,
    Math.sin(elevation) * distance,
    Math.cos(azimuth) * Math.cos(elevation) * distance,
  ];
}

function viewProjectionOf(view: ViewCamera): Matrix4 {
  const { distance, focal, roll } = view;
  // nothing of a body of longest side 1 lies farther than sqrt(3) / 2 from the origin
  const camera = new PerspectiveCamera((2 * Math.atan(0.5 / focal) * 180) / Math.PI, 1, distance - 0.95, distance + 0.95);
  camera.position.set(...eyeOf(view));
  camera.lookAt(0, 0, 0);
  camera.rotateZ(roll);
  camera.updateMatrixWorld();
  return new Matrix4().multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse);
}

/** Largest distance of a vertex from the middle of the picture: 1 is at the border. Grows with the focal length in proportion. */
export function reachOf(positions: readonly Float32Array[], view: ViewCamera): number {
  const m = viewProjectionOf(view).elements;
  let reach = 0;
  for (const p of positions)
    for (let i = 0; i < p.length; i += 3) {
      const [x, y, z] = [p[i]!, p[i + 1]!, p[i + 2]!];
      const w = m[3]! * x + m[7]! * y + m[11]! * z + m[15]!;
      const u = Math.abs((m[0]! * x + m[4]! * y + m[8]! * z + m[12]!) / w);
      const v = Math.abs((m[1]! * x + m[5]! * y + m[9]! * z + m[13]!) / w);
      reach = Math.max(reach, u, v);
    }
  return reach;
}

function link(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  const stages = [
    [gl.VERTEX_SHADER, VERTEX_SHADER],
    [gl.FRAGMENT_SHADER, FRAGMENT_SHADER],
  ] as const;
  for (const [type, source] of stages) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? 'the shader does not compile');
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return program;
}

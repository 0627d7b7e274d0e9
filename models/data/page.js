// The half that runs in the browser: loads or makes an object, normalises it, renders its layers with WebGL2, posts the bytes back.
// Frame: +Y up, longest side of the bounding box 1, box centred at the origin. A camera at azimuth a and elevation e stands at
// (sin a cos e, sin e, cos a cos e) * distance and looks at the origin. Depths are offsets along the viewing axis from the plane through
// the origin, positive away from the camera.
import * as THREE from 'three';
import { OBJLoader } from 'three/addons/loaders/OBJLoader.js';
import { makeProcedural, makeRandom } from './procedural.js';

THREE.ColorManagement.enabled = false;

/** One draw: all triangles that share a texture. @typedef {{ position: Float32Array, normal: Float32Array, uv: Float32Array, colour: Float32Array, image: ImageBitmap | OffscreenCanvas | null }} Batch */

/** @param {string} text */
function parseMaterials(text) {
  const materials = new Map();
  let now = null;
  for (const raw of text.split(/\r?\n/)) {
    const [key, ...rest] = raw.trim().split(/\s+/);
    if (key === 'newmtl') materials.set(rest.join(' '), (now = { colour: [0.7, 0.7, 0.7], opacity: 1, map: null }));
    else if (!now) continue;
    else if (key === 'Kd') now.colour = rest.map(Number);
    else if (key === 'd') now.opacity = Number(rest.at(-1));
    else if (key === 'Tr') now.opacity = 1 - Number(rest[0]);
    else if (key === 'map_Kd') now.map = rest.join(' ').replace(/^(-\S+(\s+-?[\d.]+)+\s+)+/, '');
  }
  return materials;
}

async function fetchText(url) {
  const response = await fetch(url);
  return response.ok ? new TextDecoder('latin1').decode(await response.arrayBuffer()) : '';
}

async function loadImage(url) {
  const response = await fetch(url);
  if (!response.ok) return null;
  try {
    const bitmap = await createImageBitmap(await response.blob());
    const k = Math.min(1, 512 / Math.max(bitmap.width, bitmap.height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * k)), Math.max(1, Math.round(bitmap.height * k)));
    canvas.getContext('2d').drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return canvas;
  } catch {
    return null;
  }
}

/** Appends a geometry's triangles to the batch of its texture. */
function pushGeometry(batches, geometry, start, count, colour, key, image) {
  if (!batches.has(key)) batches.set(key, { position: [], normal: [], uv: [], colour: [], image });
  const b = batches.get(key),
    { position, normal, uv } = geometry.attributes;
  for (let i = start; i < start + count; i++) {
    b.position.push(position.getX(i), position.getY(i), position.getZ(i));
    b.normal.push(normal.getX(i), normal.getY(i), normal.getZ(i));
    if (uv) b.uv.push(uv.getX(i), uv.getY(i));
    else b.uv.push(0, 0);
    b.colour.push(...colour);
  }
}

async function loadObj(job) {
  const text = await fetchText(`/objects/${encodeURI(job.model)}`);
  const folder = job.model.slice(0, job.model.lastIndexOf('/'));
  const library = /^mtllib\s+(.+)$/m.exec(text)?.[1].trim();
  const materials = parseMaterials(library ? await fetchText(`/objects/${encodeURI(`${folder}/${library}`)}`) : '');
  const images = new Map();
  for (const m of materials.values())
    if (m.map && !images.has(m.map)) images.set(m.map, await loadImage(`/objects/${encodeURI(`${folder}/${m.map.replace(/\\/g, '/')}`)}`));
  const group = new OBJLoader().parse(text),
    batches = new Map();
  group.traverse((node) => {
    if (!node.isMesh) return;
    const list = Array.isArray(node.material) ? node.material : [node.material];
    const geometry = node.geometry;
    if (!geometry.attributes.normal) geometry.computeVertexNormals();
    if (job.rotation) {
      const m = job.rotation;
      geometry.applyMatrix4(new THREE.Matrix4().set(m[0], m[1], m[2], 0, m[3], m[4], m[5], 0, m[6], m[7], m[8], 0, 0, 0, 0, 1));
    }
    const groups = geometry.groups.length ? geometry.groups : [{ start: 0, count: geometry.attributes.position.count, materialIndex: 0 }];
    for (const g of groups) {
      const m = materials.get(list[g.materialIndex ?? 0]?.name) ?? { colour: [0.7, 0.7, 0.7], opacity: 1, map: null };
      if (m.opacity < 0.05) continue;
      const image = m.map ? images.get(m.map) : null;
      pushGeometry(
        batches,
        geometry,
        g.start,
        Math.min(g.count, geometry.attributes.position.count - g.start),
        image ? [1, 1, 1] : m.colour,
        image ? m.map : '',
        image,
      );
    }
  });
  return [...batches.values()];
}

function loadProcedural(job) {
  const batches = new Map();
  let n = 0;
  for (const p of makeProcedural(job.family, job.seed)) {
    const geometry = p.geometry.index ? p.geometry.toNonIndexed() : p.geometry;
    pushGeometry(batches, geometry, 0, geometry.attributes.position.count, p.colour, p.texture ? `t${n++}` : '', p.texture);
  }
  return [...batches.values()];
}

/** Drops far stray triangles, then scales and centres in place. Returns false for an empty object. @param {Batch[]} batches */
function normalise(batches) {
  const centroids = [[], [], []],
    areas = [];
  for (const b of batches)
    for (let i = 0; i < b.position.length; i += 9) {
      const p = b.position,
        e = [p[i + 3] - p[i], p[i + 4] - p[i + 1], p[i + 5] - p[i + 2]],
        f = [p[i + 6] - p[i], p[i + 7] - p[i + 1], p[i + 8] - p[i + 2]];
      areas.push(Math.hypot(e[1] * f[2] - e[2] * f[1], e[2] * f[0] - e[0] * f[2], e[0] * f[1] - e[1] * f[0]));
      for (let k = 0; k < 3; k++) centroids[k].push((p[i + k] + p[i + 3 + k] + p[i + 6 + k]) / 3);
    }
  const total = areas.reduce((s, a) => s + a, 0);
  if (!(total > 0)) return false;
  const low = [0, 0, 0],
    high = [0, 0, 0];
  for (let k = 0; k < 3; k++) {
    const order = areas.map((_, i) => i).sort((a, b) => centroids[k][a] - centroids[k][b]);
    let sum = 0,
      lo = null,
      hi = null;
    for (const i of order) {
      sum += areas[i];
      if (lo === null && sum >= total * 0.002) lo = centroids[k][i];
      if (hi === null && sum >= total * 0.998) hi = centroids[k][i];
    }
    low[k] = lo;
    high[k] = hi ?? centroids[k][order.at(-1)];
  }
  const span = Math.max(...high.map((h, k) => h - low[k])) || 1;
  const bounds = () => {
    const a = [Infinity, Infinity, Infinity],
      z = [-Infinity, -Infinity, -Infinity];
    for (const b of batches)
      for (let i = 0; i < b.position.length; i += 3)
        for (let k = 0; k < 3; k++) {
          const v = b.position[i + k];
          if (v < a[k]) a[k] = v;
          if (v > z[k]) z[k] = v;
        }
    return [a, z];
  };
  let [a, z] = bounds();
  if (Math.max(...z.map((v, k) => v - a[k])) > 1.6 * span) {
    const pad = span * 0.25;
    for (const b of batches) {
      const keep = { position: [], normal: [], uv: [], colour: [] };
      for (let i = 0; i < b.position.length; i += 9) {
        let inside = true;
        for (let j = 0; j < 9; j++) {
          const v = b.position[i + j],
            k = j % 3;
          if (v < low[k] - pad || v > high[k] + pad) inside = false;
        }
        if (!inside) continue;
        const v = i / 3;
        for (let j = 0; j < 9; j++) {
          keep.position.push(b.position[i + j]);
          keep.normal.push(b.normal[i + j]);
          keep.colour.push(b.colour[i + j]);
        }
        for (let j = 0; j < 6; j++) keep.uv.push(b.uv[v * 2 + j]);
      }
      Object.assign(b, keep);
    }
    [a, z] = bounds();
  }
  const size = Math.max(...z.map((v, k) => v - a[k]));
  if (!(size > 0) || !Number.isFinite(size)) return false;
  for (const b of batches) for (let i = 0; i < b.position.length; i++) b.position[i] = (b.position[i] - (a[i % 3] + z[i % 3]) / 2) / size;
  return true;
}

/** @returns {Promise<Batch[] | null>} the object, normalised, as typed arrays */
export async function loadObject(job) {
  const batches = (job.kind === 'obj' ? await loadObj(job) : loadProcedural(job)).filter((b) => b.position.length);
  if (!batches.length || !normalise(batches)) return null;
  return batches
    .filter((b) => b.position.length)
    .map((b) => ({
      position: new Float32Array(b.position),
      normal: new Float32Array(b.normal),
      uv: new Float32Array(b.uv),
      colour: new Float32Array(b.colour),
      image: b.image,
    }));
}

const vertexShader = `#version 300 es
layout(location=0) in vec3 position; layout(location=1) in vec3 normal; layout(location=2) in vec2 uv; layout(location=3) in vec3 colour;
uniform mat4 viewProjection; out vec3 vPosition, vNormal, vColour; out vec2 vUv;
void main() { vPosition = position; vNormal = normal; vColour = colour; vUv = uv; gl_Position = viewProjection * vec4(position, 1.0); }`;

const fragmentShader = `#version 300 es
precision highp float;
in vec3 vPosition, vNormal, vColour; in vec2 vUv;
layout(location=0) out vec4 outColour; layout(location=1) out vec4 outDepth;
uniform vec3 eye, forward, sky, ground, lightDirection[3], lightColour[3]; uniform float distance_, gloss; uniform bool textured, back; uniform sampler2D image;
void main() {
  vec4 texel = textured ? texture(image, vUv) : vec4(1.0);
  if (texel.a < 0.5) discard;
  vec3 albedo = pow(clamp(texel.rgb * vColour, 0.0, 1.0), vec3(2.2)), toEye = normalize(eye - vPosition);
  vec3 n = length(vNormal) > 0.0 ? normalize(vNormal) : toEye;
  if (dot(n, toEye) < 0.0) n = -n;
  if (back) { n = -n; toEye = -toEye; }
  vec3 light = mix(ground, sky, 0.5 + 0.5 * n.y), shine = vec3(0.0);
  for (int i = 0; i < 3; i++) {
    light += lightColour[i] * max(dot(n, lightDirection[i]), 0.0);
    shine += lightColour[i] * pow(max(dot(n, normalize(lightDirection[i] + toEye)), 0.0), 40.0);
  }
  outColour = vec4(pow(clamp(albedo * light + gloss * shine, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
  float d = clamp((dot(vPosition - eye, forward) - distance_ + 1.0) * 0.5, 0.0, 1.0) * 65535.0;
  outDepth = vec4(floor(d / 256.0) / 255.0, mod(floor(d), 256.0) / 255.0, 0.0, 1.0);
}`;

/** A WebGL2 renderer of one object at a time into a square. @param {number} size */
export function makeRenderer(size) {
  const gl = new OffscreenCanvas(8, 8).getContext('webgl2', { antialias: false });
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, vertexShader],
    [gl.FRAGMENT_SHADER, fragmentShader],
  ]) {
    const shader = gl.createShader(type);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  const at = (name) => gl.getUniformLocation(program, name);
  const colourTarget = gl.createTexture(),
    depthTarget = gl.createTexture(),
    zBuffer = gl.createRenderbuffer(),
    frame = gl.createFramebuffer();
  for (const t of [colourTarget, depthTarget]) {
    gl.bindTexture(gl.TEXTURE_2D, t);
    gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA8, size, size);
  }
  gl.bindRenderbuffer(gl.RENDERBUFFER, zBuffer);
  gl.renderbufferStorage(gl.RENDERBUFFER, gl.DEPTH_COMPONENT24, size, size);
  gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, colourTarget, 0);
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT1, gl.TEXTURE_2D, depthTarget, 0);
  gl.framebufferRenderbuffer(gl.FRAMEBUFFER, gl.DEPTH_ATTACHMENT, gl.RENDERBUFFER, zBuffer);
  gl.drawBuffers([gl.COLOR_ATTACHMENT0, gl.COLOR_ATTACHMENT1]);
  gl.enable(gl.DEPTH_TEST);
  let draws = [];
  return {
    /** @param {Batch[]} batches */
    upload(batches) {
      for (const d of draws) {
        gl.deleteVertexArray(d.array);
        for (const b of d.buffers) gl.deleteBuffer(b);
        if (d.texture) gl.deleteTexture(d.texture);
      }
      draws = batches.map((b) => {
        const array = gl.createVertexArray(),
          buffers = [];
        gl.bindVertexArray(array);
        [
          [b.position, 3],
          [b.normal, 3],
          [b.uv, 2],
          [b.colour, 3],
        ].forEach(([data, n], i) => {
          const buffer = gl.createBuffer();
          buffers.push(buffer);
          gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
          gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
          gl.enableVertexAttribArray(i);
          gl.vertexAttribPointer(i, n, gl.FLOAT, false, 0, 0);
        });
        let texture = null;
        if (b.image) {
          texture = gl.createTexture();
          gl.bindTexture(gl.TEXTURE_2D, texture);
          gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, true);
          gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
          gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, b.image);
          gl.generateMipmap(gl.TEXTURE_2D);
          gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR);
        }
        return { array, buffers, texture, count: b.position.length / 3 };
      });
    },
    /** Renders one pass at `pixels` <= size and reads it: rows from the top. */
    render({ azimuth, elevation, distance, focalPerWidth, lighting, back, pixels, depth }) {
      const e = elevation,
        a = azimuth,
        eye = [Math.sin(a) * Math.cos(e) * distance, Math.sin(e) * distance, Math.cos(a) * Math.cos(e) * distance];
      const camera = new THREE.PerspectiveCamera((2 * Math.atan(0.5 / focalPerWidth) * 180) / Math.PI, 1, distance - 0.95, distance + 0.95);
      camera.position.set(...eye);
      camera.lookAt(0, 0, 0);
      camera.updateMatrixWorld();
      const vp = new THREE.Matrix4().multiplyMatrices(camera.projectionMatrix, camera.matrixWorldInverse);
      gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
      gl.viewport(0, 0, pixels, pixels);
      gl.useProgram(program);
      gl.uniformMatrix4fv(at('viewProjection'), false, vp.elements);
      gl.uniform3fv(at('eye'), eye);
      gl.uniform3fv(
        at('forward'),
        eye.map((v) => -v / distance),
      );
      gl.uniform1f(at('distance_'), distance);
      gl.uniform3fv(at('sky'), lighting.sky);
      gl.uniform3fv(at('ground'), lighting.ground);
      gl.uniform1f(at('gloss'), lighting.gloss);
      gl.uniform3fv(at('lightDirection'), lighting.directions.flat());
      gl.uniform3fv(at('lightColour'), lighting.colours.flat());
      gl.uniform1i(at('back'), back ? 1 : 0);
      gl.depthFunc(back ? gl.GREATER : gl.LESS);
      gl.clearDepth(back ? 0 : 1);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      for (const d of draws) {
        gl.bindVertexArray(d.array);
        gl.uniform1i(at('textured'), d.texture ? 1 : 0);
        if (d.texture) gl.bindTexture(gl.TEXTURE_2D, d.texture);
        gl.drawArrays(gl.TRIANGLES, 0, d.count);
      }
      const read = (attachment) => {
        const bytes = new Uint8Array(pixels * pixels * 4);
        gl.readBuffer(attachment);
        gl.readPixels(0, 0, pixels, pixels, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
        return bytes;
      };
      return { colour: read(gl.COLOR_ATTACHMENT0), depth: depth ? read(gl.COLOR_ATTACHMENT1) : null, pixels };
    },
  };
}

/** Halves a pass: coverage to alpha, mean colour of the covered samples, extreme depth. Rows are turned top first. */
export function halve({ colour, depth, pixels }, back) {
  const n = pixels / 2,
    rgba = new Uint8Array(n * n * 4),
    z = depth ? new Uint16Array(n * n) : null;
  for (let y = 0; y < n; y++)
    for (let x = 0; x < n; x++) {
      let r = 0,
        g = 0,
        b = 0,
        covered = 0,
        best = back ? -1 : 65536;
      for (let k = 0; k < 4; k++) {
        const i = ((pixels - 1 - (2 * y + (k >> 1))) * pixels + 2 * x + (k & 1)) * 4;
        if (!colour[i + 3]) continue;
        covered++;
        r += colour[i];
        g += colour[i + 1];
        b += colour[i + 2];
        if (depth) {
          const d = depth[i] * 256 + depth[i + 1];
          best = back ? Math.max(best, d) : Math.min(best, d);
        }
      }
      const o = y * n + x;
      if (!covered) continue;
      rgba[o * 4] = r / covered;
      rgba[o * 4 + 1] = g / covered;
      rgba[o * 4 + 2] = b / covered;
      rgba[o * 4 + 3] = Math.round((covered * 255) / 4);
      if (z) z[o] = best;
    }
  return { rgba, depth: z };
}

/** Soft lighting fixed to the object. */
export function makeLighting(r) {
  const ambient = r.range(0.45, 0.8),
    warm = r.range(-0.06, 0.06),
    directions = [],
    colours = [];
  for (let i = 0; i < 3; i++) {
    const turn = r.range(0, 6.283),
      up = r.range(0.15, 0.95),
      flat = Math.sqrt(1 - up * up),
      power = i === 0 ? r.range(0.2, 0.65) : r.range(0, 0.25);
    directions.push([Math.cos(turn) * flat, up, Math.sin(turn) * flat]);
    colours.push([power * (1 + warm), power, power * (1 - warm)]);
  }
  return {
    sky: [ambient, ambient, ambient],
    ground: [ambient * r.range(0.45, 0.8), ambient * 0.6, ambient * 0.6],
    directions,
    colours,
    gloss: r.chance(0.4) ? r.range(0, 0.25) : 0,
  };
}

const radians = Math.PI / 180;

async function renderJob(renderer, job, { inputs, inputPixels, rigPixels }) {
  const batches = await loadObject(job);
  if (!batches) return null;
  const r = makeRandom(job.viewSeed),
    lighting = makeLighting(r);
  renderer.upload(batches);
  const focal = 280 / 256,
    chunks = [],
    views = [],
    azimuths = Array.from({ length: 16 }, (_, i) => i);
  for (let k = 0; k < inputs; k++) {
    const step = azimuths.splice(r.int(0, azimuths.length - 1), 1)[0],
      elevation = r.range(-5, 40),
      distance = k % 2 === 0 ? 1.5 : r.range(1.5, 3);
    const camera = {
      azimuth: step * 22.5 * radians,
      elevation: elevation * radians,
      distance,
      focalPerWidth: (focal * distance) / 1.5,
      lighting,
      pixels: inputPixels * 2,
      depth: true,
    };
    const front = halve(renderer.render(camera), false),
      far = halve(renderer.render({ ...camera, back: true }), true);
    let covered = 0;
    for (let i = 3; i < front.rgba.length; i += 4) covered += front.rgba[i] > 127 ? 1 : 0;
    views.push({ step, elevation, distance, coverage: covered / (inputPixels * inputPixels) });
    chunks.push(front.rgba, front.depth, far.depth, far.rgba);
  }
  for (let i = 0; i < 16; i++)
    chunks.push(
      halve(
        renderer.render({
          azimuth: i * 22.5 * radians,
          elevation: 30 * radians,
          distance: 1.5,
          focalPerWidth: focal,
          lighting,
          pixels: rigPixels * 2,
        }),
      ).rgba,
    );
  return { views, blob: new Blob(chunks) };
}

/** Renders jobs until the server has none left. */
export async function work(options) {
  const renderer = makeRenderer(Math.max(options.inputPixels, options.rigPixels) * 2);
  for (;;) {
    const job = await (await fetch('/next')).json();
    if (!job) return;
    try {
      const result = await renderJob(renderer, job, options);
      const meta = encodeURIComponent(JSON.stringify(result ? result.views : null));
      await fetch(`/result?index=${job.index}&views=${meta}`, { method: 'POST', body: result ? result.blob : '' });
    } catch (error) {
      await fetch(`/result?index=${job.index}&views=null&error=${encodeURIComponent(String(error).slice(0, 200))}`, {
        method: 'POST',
        body: '',
      });
    }
  }
}
globalThis.gestaltWork = work;

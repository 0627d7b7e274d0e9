import * as THREE from 'three';
import { GLTFExporter } from 'three/addons/exporters/GLTFExporter.js';
import { mergeVertices } from 'three/addons/utils/BufferGeometryUtils.js';
import type { MadeScene, SceneSpec } from '../scene-spec.ts';
import { type LoadedObject, loadObject } from './load-object.ts';

const W = 640,
  H = 480,
  OVER = 2;

/** Texture size in the mesh that goes with a scene, and in its photograph. */
const MESH_TEXTURE = 256;
const PHOTO_TEXTURE = 512;

function toGroup({ batches, images }: LoadedObject, textureSize: number): THREE.Group {
  const group = new THREE.Group();
  for (const batch of batches) {
    const geometry = new THREE.BufferGeometry();
    geometry.setAttribute('position', new THREE.BufferAttribute(batch.position, 3));
    geometry.setAttribute('normal', new THREE.BufferAttribute(batch.normal, 3));
    const image = batch.texture === undefined ? undefined : images.get(batch.texture);
    let map: THREE.CanvasTexture | null = null;
    if (image) {
      geometry.setAttribute('uv', new THREE.BufferAttribute(batch.uv, 2));
      const scale = Math.min(1, textureSize / Math.max(image.width, image.height));
      const canvas = document.createElement('canvas');
      canvas.width = Math.max(1, Math.round(image.width * scale));
      canvas.height = Math.max(1, Math.round(image.height * scale));
      canvas.getContext('2d')!.drawImage(image, 0, 0, canvas.width, canvas.height);
      map = new THREE.CanvasTexture(canvas);
      map.wrapS = map.wrapT = THREE.RepeatWrapping;
      map.colorSpace = THREE.SRGBColorSpace;
      map.anisotropy = 4;
      map.userData.mimeType = 'image/jpeg';
    }
    const material = new THREE.MeshStandardMaterial({
      map,
      // materials take linear colours
      color: new THREE.Color().setRGB(...batch.colour, THREE.SRGBColorSpace),
      side: THREE.DoubleSide,
      roughness: 0.75,
      metalness: 0,
      alphaTest: map ? 0.5 : 0,
    });
    const mesh = new THREE.Mesh(mergeVertices(geometry, 1e-4), material);
    mesh.castShadow = mesh.receiveShadow = true;
    group.add(mesh);
  }
  return group;
}

const boxOf = (object: THREE.Object3D) => new THREE.Box3().setFromObject(object, true);

/** A photograph, the hidden object's masks, the object alone, and its mesh. */
async function makeScene(spec: SceneSpec): Promise<MadeScene> {
  const canvas = document.createElement('canvas');
  const hidden = spec.objects[0]!;
  const renderer = new THREE.WebGLRenderer({ canvas, antialias: true, alpha: true, preserveDrawingBuffer: true });
  renderer.setSize(W * OVER, H * OVER, false);
  renderer.shadowMap.enabled = true;
  renderer.shadowMap.type = THREE.VSMShadowMap;
  const scene = new THREE.Scene();
  scene.add(new THREE.HemisphereLight(0xffffff, 0xb0a090, 1.9));
  const sun = new THREE.DirectionalLight(0xfff4e5, 1.6);
  sun.position.set(...spec.light);
  sun.castShadow = true;
  sun.shadow.mapSize.set(2048, 2048);
  sun.shadow.radius = 10;
  sun.shadow.blurSamples = 20;
  sun.shadow.bias = -0.0005;
  Object.assign(sun.shadow.camera, { left: -2.5, right: 2.5, top: 2.5, bottom: -2.5 });
  scene.add(sun);
  const floorCanvas = document.createElement('canvas');
  floorCanvas.width = floorCanvas.height = 512;
  const g = floorCanvas.getContext('2d')!;
  g.fillStyle = spec.floor;
  g.fillRect(0, 0, 512, 512);
  for (let i = 0; i < 8; i++) {
    g.fillStyle = `rgba(0,0,0,${0.02 + 0.03 * ((i * 7) % 3)})`;
    g.fillRect(i * 64, 0, 62, 512);
    g.fillStyle = 'rgba(0,0,0,0.18)';
    g.fillRect(i * 64 + 62, 0, 2, 512);
  }
  const floorMap = new THREE.CanvasTexture(floorCanvas);
  floorMap.wrapS = floorMap.wrapT = THREE.RepeatWrapping;
  floorMap.repeat.set(8, 8);
  floorMap.colorSpace = THREE.SRGBColorSpace;
  floorMap.anisotropy = 8;
  const floor = new THREE.Mesh(new THREE.PlaneGeometry(16, 16), new THREE.MeshStandardMaterial({ map: floorMap, roughness: 0.9 }));
  floor.rotation.x = -Math.PI / 2;
  floor.receiveShadow = true;
  const wall = new THREE.Mesh(new THREE.PlaneGeometry(16, 8), new THREE.MeshStandardMaterial({ color: spec.wall, roughness: 1 }));
  wall.position.set(0, 4, -2.2);
  wall.receiveShadow = true;
  scene.add(floor, wall);
  const things: THREE.Group[] = [];
  for (const o of spec.objects) {
    const group = toGroup(await loadObject(o.entry, 0), PHOTO_TEXTURE);
    const holder = new THREE.Group();
    holder.add(group);
    group.rotation.y = (o.yaw * Math.PI) / 180;
    holder.scale.setScalar(o.size);
    holder.position.set(o.x, 0, o.z);
    holder.updateMatrixWorld(true);
    holder.position.y = -boxOf(holder).min.y;
    scene.add(holder);
    holder.updateMatrixWorld(true);
    things.push(holder);
  }
  const camera = new THREE.PerspectiveCamera(spec.fov, W / H, 0.1, 50);
  camera.position.set(...spec.eye);
  camera.lookAt(...spec.target);
  camera.updateMatrixWorld();

  const shrink = () => {
    const c = document.createElement('canvas');
    c.width = W;
    c.height = H;
    const x = c.getContext('2d', { willReadFrequently: true })!;
    x.imageSmoothingQuality = 'high';
    x.drawImage(canvas, 0, 0, W, H);
    return c;
  };
  scene.background = new THREE.Color(spec.wall);
  renderer.render(scene, camera);
  const photo = shrink();
  scene.background = null;
  floor.visible = wall.visible = false;
  things[1]!.visible = false;
  renderer.setClearColor(0, 0);
  renderer.render(scene, camera);
  const whole = shrink();
  // Masks: flat colours, nearest wins.
  const flat = (colour: number) => new THREE.MeshBasicMaterial({ color: colour, side: THREE.DoubleSide, toneMapped: false });
  const paint = (object: THREE.Object3D, colour: number) =>
    object.traverse((n) => {
      if (n instanceof THREE.Mesh) n.material = flat(colour);
    });
  paint(things[0]!, 0xffffff);
  paint(things[1]!, 0x000000);
  const mask = () => {
    renderer.setClearColor(0, 1);
    renderer.render(scene, camera);
    const c = shrink(),
      x = c.getContext('2d')!,
      image = x.getImageData(0, 0, W, H);
    let area = 0,
      x0 = W,
      y0 = H,
      x1 = 0,
      y1 = 0;
    for (let i = 0; i < W * H; i++) {
      const v = image.data[i * 4]! > 127 ? 255 : 0;
      image.data.set([v, v, v, 255], i * 4);
      if (v) {
        area++;
        x0 = Math.min(x0, i % W);
        x1 = Math.max(x1, i % W);
        y0 = Math.min(y0, Math.floor(i / W));
        y1 = Math.max(y1, Math.floor(i / W));
      }
    }
    x.putImageData(image, 0, 0);
    return { canvas: c, area, box: [x0, y0, x1 + 1, y1 + 1], data: image.data };
  };
  const amodal = mask();
  things[1]!.visible = true;
  const modal = mask();
  // Click point: the visible pixel farthest from the mask's edge (two-pass chamfer distance).
  const d = new Float32Array(W * H);
  for (let i = 0; i < W * H; i++) d[i] = modal.data[i * 4] ? 1e6 : 0;
  const at = (x: number, y: number) => (x < 0 || y < 0 || x >= W || y >= H ? 0 : d[y * W + x]!);
  for (let y = 0; y < H; y++)
    for (let x = 0; x < W; x++)
      d[y * W + x] = Math.min(d[y * W + x]!, at(x - 1, y) + 1, at(x, y - 1) + 1, at(x - 1, y - 1) + 1.41, at(x + 1, y - 1) + 1.41);
  for (let y = H - 1; y >= 0; y--)
    for (let x = W - 1; x >= 0; x--)
      d[y * W + x] = Math.min(d[y * W + x]!, at(x + 1, y) + 1, at(x, y + 1) + 1, at(x + 1, y + 1) + 1.41, at(x - 1, y + 1) + 1.41);
  let best = 0;
  for (let i = 0; i < d.length; i++) if (d[i]! > d[best]!) best = i;
  // The mesh: longest side 1, box centred, turned so that the camera stands at azimuth 0 (+Z).
  const centre = boxOf(things[0]!).getCenter(new THREE.Vector3()),
    to = camera.position.clone().sub(centre);
  const azimuth = Math.atan2(to.x, to.z),
    elevation = Math.asin(to.y / to.length());
  const group = toGroup(await loadObject(hidden.entry, 0), MESH_TEXTURE);
  const root = new THREE.Group();
  root.add(group);
  group.rotation.y = (hidden.yaw * Math.PI) / 180 - azimuth;
  root.updateMatrixWorld(true);
  root.traverse((n) => {
    if (n instanceof THREE.Mesh) {
      n.geometry.applyMatrix4(n.matrixWorld);
      n.material.alphaTest = 0;
    }
  });
  group.rotation.set(0, 0, 0);
  root.updateMatrixWorld(true);
  const glb = await new GLTFExporter().parseAsync(root, { binary: true, maxTextureSize: MESH_TEXTURE });
  const base64 = (bytes: Uint8Array) => {
    let s = '';
    for (let i = 0; i < bytes.length; i += 8192) s += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(s);
  };
  return {
    photo: photo.toDataURL('image/jpeg', 0.93),
    whole: whole.toDataURL('image/png'),
    modal: modal.canvas.toDataURL('image/png'),
    amodal: amodal.canvas.toDataURL('image/png'),
    glb: base64(new Uint8Array(glb as ArrayBuffer)),
    facts: {
      size: [W, H],
      camera: {
        fovY: spec.fov,
        elevationDeg: (elevation * 180) / Math.PI,
        distanceInObjectSizes: to.length() / hidden.size,
        eye: spec.eye,
        target: spec.target,
      },
      click: [best % W, Math.floor(best / W)],
      modalBox: modal.box,
      amodalBox: amodal.box,
      visibleFraction: modal.area / amodal.area,
    },
  };
}

Object.assign(globalThis, { gestaltScene: makeScene });

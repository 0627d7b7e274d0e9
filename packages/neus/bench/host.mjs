// The benchmark is the one place of this package that uses Node's fillings and the other packages' built files: it stands above all of them.

export { openGpuDevice } from '../../../apps/host/dist/gpu-device.js';
export { imageCodec, loadEvaluationInput } from '../../../apps/host/dist/index.js';
export { spawnNodeWorker } from '../../../apps/host/dist/node-worker.js';
export { useSoftwareVulkan } from '../../../apps/host/dist/software-vulkan.js';
export { createRng, orbitCamera, projectPoint, reframeCamera, rigCameras, SYNC_RIG } from '../../core/dist/index.js';
export { occupancyIou, Solid } from '../../evaluation/dist/index.js';
export { renderModel } from '../../evaluation/dist/samples/render-model.js';
export { GUARANTEED, gpuRunner, write } from '../../gpu/dist/index.js';
export { makeContactSheet, meshTopology, rasteriseView, renderMesh, TriangleTree } from '../../mesh/dist/index.js';
export { encodeGraph, GraphBuilder } from '../../onnx/dist/graph/index.js';

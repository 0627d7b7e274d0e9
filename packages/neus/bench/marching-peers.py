"""Peers of bench/marching.mjs: reads a raw f32 volume, then one command a line ("vtk 1", "vtk 2", "skimage"), and answers each with a line of JSON."""
import json, sys, time
import numpy as np

path, edge, level = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
volume = np.fromfile(path, dtype=np.float32).reshape(edge, edge, edge)
peers = {}

try:
    import vtk
    from vtk.util import numpy_support

    image = vtk.vtkImageData()
    image.SetDimensions(edge, edge, edge)
    image.GetPointData().SetScalars(numpy_support.numpy_to_vtk(volume.ravel(), deep=False))

    def run_vtk(threads):
        if threads > 1:
            if not vtk.vtkSMPTools.SetBackend("STDThread"):
                return None
            vtk.vtkSMPTools.Initialize(threads)
        else:
            vtk.vtkSMPTools.SetBackend("Sequential")
        filter = vtk.vtkFlyingEdges3D()
        filter.SetInputData(image)
        filter.SetValue(0, level)
        filter.ComputeNormalsOff()
        filter.ComputeGradientsOff()
        filter.ComputeScalarsOff()
        start = time.perf_counter()
        filter.Update()
        elapsed = time.perf_counter() - start
        return elapsed, filter.GetOutput().GetNumberOfPolys()

    peers["vtk"] = vtk.vtkVersion().GetVTKVersion()
except ImportError:
    pass

try:
    import skimage
    from skimage.measure import marching_cubes

    def run_skimage():
        start = time.perf_counter()
        _, faces, _, _ = marching_cubes(volume, level)
        return time.perf_counter() - start, len(faces)

    peers["skimage"] = skimage.__version__
except ImportError:
    pass

print(json.dumps(peers), flush=True)
for line in sys.stdin:
    name, *rest = line.split()
    result = run_vtk(int(rest[0])) if name == "vtk" else run_skimage()
    answer = None if result is None else {"milliseconds": result[0] * 1e3, "triangles": int(result[1])}
    print(json.dumps(answer), flush=True)

"""python export.py --checkpoint last.pt --out DIR: writes layers.onnx (weights stored in fp16, computed in fp32) and its golden case."""
import argparse
import json
import os

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from model import Layers


def halve_weights(path, smallest=256):
    """Stores large fp32 initialisers as fp16 behind a Cast, which onnxruntime folds when it loads the graph."""
    model = onnx.load(path)
    graph, nodes = model.graph, []
    for index, tensor in enumerate(graph.initializer):
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < smallest:
            continue
        name = tensor.name
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), name + "_fp16")
        graph.initializer[index].CopyFrom(half)
        nodes.append(helper.make_node("Cast", [name + "_fp16"], [name], to=TensorProto.FLOAT, name=name + "_cast"))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    # The exporter's notes name source files of this machine; they are of no use to a reader.
    for node in graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    del graph.metadata_props[:]
    del graph.value_info[:]
    graph.doc_string = model.doc_string = ""
    onnx.checker.check_model(model)
    onnx.save(model, path)


def export(model, inputs, names, output, path, dynamic):
    torch.onnx.export(model, inputs, path, input_names=names, output_names=[output], dynamic_axes=dynamic, opset_version=17, dynamo=False)
    halve_weights(path)


def write_golden(folder, graph, inputs, output, values, tolerance):
    os.makedirs(folder, exist_ok=True)
    tensors = {}
    for name, value in {**inputs, output: values}.items():
        file = f"{graph}.{name}.bin"
        value.astype("<f4").tofile(os.path.join(folder, file))
        tensors[name] = {"file": file, "dtype": "float32", "dims": list(value.shape)}
    json.dump({"graph": graph, "inputs": {k: tensors[k] for k in inputs}, "outputs": {output: tensors[output]}, "tolerance": tolerance},
              open(os.path.join(folder, f"{graph}.json"), "w"), indent=2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    import onnxruntime
    state = torch.load(args.checkpoint, weights_only=True)
    model = Layers(size=state["size"])
    model.load_state_dict({k: v.half().float() if v.is_floating_point() and v.numel() >= 256 else v for k, v in state["ema"].items()})
    model.eval()
    size = state["size"]
    os.makedirs(args.out, exist_ok=True)
    path = os.path.join(args.out, "layers.onnx")
    export(model, (torch.rand(2, 4, size, size), torch.rand(2)), ["image", "elevation"], "layers", path, {"image": {0: "B"}, "elevation": {0: "B"}, "layers": {0: "B"}})
    # A shaded ball on nothing: easy to make again anywhere.
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)
    radius = np.hypot(x, y) / (200 / 256)
    alpha = np.clip((1 - radius) * size / 4 + 0.5, 0, 1)
    shade = np.sqrt(np.clip(1 - radius**2, 0, 1))
    image = np.stack([0.2 + 0.7 * shade, 0.15 + 0.4 * shade, 0.1 + 0.2 * shade * (x > 0), alpha])[None].astype(np.float32)
    elevation = np.array([0.3], np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(None, {"image": image, "elevation": elevation})[0]
    want = model(torch.from_numpy(image), torch.from_numpy(elevation)).detach().numpy()
    three = session.run(None, {"image": np.repeat(image, 3, 0), "elevation": np.repeat(elevation, 3)})[0]
    print("bytes", os.path.getsize(path), "largest difference to torch", np.abs(got - want).max(), "batch of 3", np.abs(three - got).max())
    assert np.abs(got - want).max() < 2e-3 and np.abs(three - got).max() < 1e-3
    write_golden(os.path.join(args.out, "golden"), "layers", {"image": image, "elevation": elevation}, "layers", want, 5e-3)


if __name__ == "__main__":
    main()

"""python export.py --checkpoint last.pt --out DIR [--denoiser last.pt]

Writes layers.onnx (and denoiser.onnx), weights stored in fp16 and computed in fp32, and a golden case for each and for the body's renderer.
"""
import argparse
import json
import os
import time

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from body import Body, render
from denoiser import Denoiser, encode_picture
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


def export(model, inputs, names, output, path, dynamic, dims):
    torch.onnx.export(model, inputs, path, input_names=names, output_names=[output], dynamic_axes=dynamic, opset_version=17, dynamo=False)
    halve_weights(path)
    written = onnx.load(path)
    for d, size in zip(written.graph.output[0].type.tensor_type.shape.dim, dims):
        if isinstance(size, int):
            d.dim_value = size
        else:
            d.dim_param = size
    onnx.save(written, path)


def write_golden(folder, graph, inputs, output, values, tolerance, **extra):
    os.makedirs(folder, exist_ok=True)
    tensors = {}
    for name, value in {**inputs, output: values}.items():
        file = f"{graph}.{name}.f32"
        np.asarray(value, "<f4").tofile(os.path.join(folder, file))
        tensors[name] = {"path": f"golden/{file}", "dims": list(value.shape)}
    json.dump({**extra, "inputs": {k: tensors[k] for k in inputs}, "outputs": {output: tensors[output]}, "tolerance": tolerance},
              open(os.path.join(folder, f"{graph}.json"), "w"), indent=2)


def ball(size):
    """A shaded ball: straight RGBA [4,S,S] and its height in [0,1]."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)
    radius = np.hypot(x, y) / (200 / 256)
    alpha = np.clip((1 - radius) * size / 4 + 0.5, 0, 1)
    shade = np.sqrt(np.clip(1 - radius**2, 0, 1))
    return np.stack([0.2 + 0.7 * shade, 0.15 + 0.4 * shade, 0.1 + 0.2 * shade * (x > 0), alpha]).astype(np.float32), shade.astype(np.float32)


def golden_body(folder):
    """Four views of a known body, for whoever ports body.py."""
    image, shade = ball(64)
    front, back = -0.45 * shade + 0.1, 0.3 * shade + 0.1
    back_rgb = np.stack([shade, 0.5 * np.ones_like(shade), 1 - shade])
    elevation, distance, scale, offset, views = 0.3, 2.0, 1.1, [0.02, -0.03, 0.05], [0, 3, 8, 13]
    body = Body(torch.from_numpy(image), torch.from_numpy(front), torch.from_numpy(back), torch.from_numpy(back_rgb), elevation, distance)
    out = render(body, 32, 2, azimuths=[np.deg2rad(22.5 * v) for v in views], scale=scale, offset=torch.tensor(offset)).numpy()
    normal_scale, normal_offset = body.normalised_placement()
    write_golden(folder, "body", {"image": image, "front": front, "back": back, "backRgb": back_rgb}, "views", out, {"alphaMean": 0.003, "colourMean": 0.005},
                 what="body.py render(): rig views at 32 px, 2x2 samples a pixel, 128 steps, 5 bisections; straight RGBA in [0,1]; compare colours where alpha > 0.5",
                 elevation=elevation, inputDistance=distance, scale=scale, offset=offset, viewIndices=views,
                 normalisedPlacement={"scale": normal_scale, "offset": normal_offset.tolist()})


def export_denoiser(args):
    import onnxruntime
    state = torch.load(args.denoiser, weights_only=True)
    model = Denoiser()
    model.load_state_dict({k: v.half().float() if v.is_floating_point() and v.numel() >= 256 else v for k, v in state["ema"].items()}, strict=True)
    for name in ("up_weight", "down_weight"):
        setattr(model, name, getattr(model, name).half().float())
    model.eval()
    path = os.path.join(args.out, "denoiser.onnx")
    g = torch.Generator().manual_seed(7)
    image = encode_picture(torch.from_numpy(ball(64)[0]))
    body = image.expand(16, -1, -1, -1).contiguous()
    views = body * 0.7 + 0.7 * torch.randn(body.shape, generator=g)
    inputs = (views[None], body[None], image[None], torch.tensor([400.0]))
    names = ["views", "body", "image", "t"]
    export(model, inputs, names, "x0", path, {}, [1, 16, 4, 64, 64])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feed = {n: v.numpy() for n, v in zip(names, inputs)}
    got = session.run(None, feed)[0]
    with torch.no_grad():
        want = model(*inputs).numpy()
    start = time.time()
    session.run(None, feed)
    print("denoiser bytes", os.path.getsize(path), "largest difference to torch", np.abs(got - want).max(), "seconds", round(time.time() - start, 2))
    assert np.abs(got - want).max() < 5e-3
    write_golden(os.path.join(args.out, "golden"), "denoiser", feed, "x0", want, 1e-2)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--denoiser")
    args = parser.parse_args()
    import onnxruntime
    state = torch.load(args.checkpoint, weights_only=True)
    model = Layers(size=state["size"])
    model.load_state_dict({k: v.half().float() if v.is_floating_point() and v.numel() >= 256 else v for k, v in state["ema"].items()})
    model.eval()
    size = state["size"]
    os.makedirs(args.out, exist_ok=True)
    path = os.path.join(args.out, "layers.onnx")
    export(model, (torch.rand(2, 4, size, size), torch.rand(2)), ["image", "elevation"], "layers", path, {"image": {0: "B"}, "elevation": {0: "B"}, "layers": {0: "B"}}, ["B", 5, size, size])
    image = ball(size)[0][None]
    elevation = np.array([0.3], np.float32)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    got = session.run(None, {"image": image, "elevation": elevation})[0]
    want = model(torch.from_numpy(image), torch.from_numpy(elevation)).detach().numpy()
    three = session.run(None, {"image": np.repeat(image, 3, 0), "elevation": np.repeat(elevation, 3)})[0]
    print("bytes", os.path.getsize(path), "largest difference to torch", np.abs(got - want).max(), "batch of 3", np.abs(three - got).max())
    assert np.abs(got - want).max() < 2e-3 and np.abs(three - got).max() < 1e-3
    write_golden(os.path.join(args.out, "golden"), "layers", {"image": image, "elevation": elevation}, "layers", want, 5e-3)
    golden_body(os.path.join(args.out, "golden"))
    if args.denoiser:
        export_denoiser(args)


if __name__ == "__main__":
    main()

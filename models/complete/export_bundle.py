"""What both exporters share: ONNX with half-precision storage, golden cases, file lists."""

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

ATTRIBUTION = [
    "Furniture renders: Sweet Home 3D furniture libraries, their authors as listed in the Debian package sweethome3d-furniture (CC0-1.0, CC-BY-3.0)",
    "Emoji renders: Fluent Emoji by Microsoft, packaged by LobeHub as @lobehub/fluent-emoji-3d (MIT)",
    "Environment panoramas: @pmndrs/assets (CC0-1.0)",
    "Photographs china.jpg and flower.jpg: danielbuechele and vultilion, sample images of scikit-learn (CC-BY-2.0)",
    "Photographs brick, grass and gravel: scikit-image (CC0-1.0)",
]


def store_weights_as_half(graph: onnx.GraphProto, smallest: int = 256) -> None:
    """Large fp32 initialisers become fp16 followed by a Cast; runtimes fold the Cast when they load the graph."""
    casts = []
    for i, init in enumerate(graph.initializer):
        if init.data_type != TensorProto.FLOAT or int(np.prod(init.dims)) < smallest:
            continue
        half = numpy_helper.from_array(numpy_helper.to_array(init).astype(np.float16), init.name + "_f16")
        casts.append(helper.make_node("Cast", [half.name], [init.name], to=TensorProto.FLOAT, name=init.name + "_cast"))
        graph.initializer[i].CopyFrom(half)
    for n in reversed(casts):
        graph.node.insert(0, n)


def to_onnx(model: torch.nn.Module, inputs: tuple[torch.Tensor, ...], names: list[str], output: str, path: Path) -> None:
    """Exports with a dynamic batch, rounding the model's own weights to fp16 first so that both agree."""
    with torch.no_grad():
        for p in model.parameters():
            if p.numel() >= 256:
                p.copy_(p.half().float())
    buffer = io.BytesIO()
    torch.onnx.export(model, inputs, buffer, input_names=names, output_names=[output], opset_version=17, dynamo=False,
                      dynamic_axes={n: {0: "B"} for n in [*names, output]})
    m = onnx.load_from_string(buffer.getvalue())
    store_weights_as_half(m.graph)
    m.producer_name, m.producer_version, m.doc_string = "gestalt3d", "", ""
    for n in m.graph.node:
        n.doc_string = ""
        del n.metadata_props[:]
    onnx.checker.check_model(m)
    onnx.save(m, path)


def write_golden(folder: Path, tensors: dict[str, np.ndarray], inputs: list[str], output: str, tolerance: float,
                 as_bytes: dict[str, tuple[float, float]] | None = None) -> dict:
    """golden/<name>.f32 are little-endian float32 in C order; golden/<name>.u8 are bytes b that stand for b * scale + offset.
    golden.json names and shapes them, and is returned."""
    folder.mkdir(exist_ok=True)
    spec = {}
    for n, a in tensors.items():
        spec[n] = {"path": f"golden/{n}.f32", "dtype": "float32", "dims": list(a.shape)}
        if as_bytes and n in as_bytes:
            scale, offset = as_bytes[n]
            spec[n] = {"path": f"golden/{n}.u8", "dtype": "uint8", "scale": scale, "offset": offset, "dims": list(a.shape)}
            (folder / f"{n}.u8").write_bytes(np.round((a - offset) / scale).astype(np.uint8).tobytes())
        else:
            (folder / f"{n}.f32").write_bytes(np.ascontiguousarray(a, "<f4").tobytes())
    case = {"inputs": {n: spec[n] for n in inputs}, "outputs": {output: spec[output]}, "tolerance": tolerance}
    (folder / "golden.json").write_text(json.dumps(case, indent=2) + "\n")
    return case


def listed(folder: Path, paths: list[str]) -> list[dict]:
    out = []
    for p in paths:
        data = (folder / p).read_bytes()
        out.append({"path": p, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    return out


def verify(path: Path, inputs: dict[str, np.ndarray], expected: np.ndarray) -> float:
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    got = session.run(None, inputs)[0]
    worst = 0.0
    for b in (1, len(expected)):  # the batch is dynamic
        got = session.run(None, {k: v[:b] for k, v in inputs.items()})[0]
        worst = max(worst, float(np.abs(got - expected[:b]).max()))
    return worst

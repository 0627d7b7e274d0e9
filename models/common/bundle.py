"""What the exporters share: ONNX with half-precision storage, golden cases, file lists."""

import hashlib
import inspect
import io
import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

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


SMALLEST = 256  # elements of a tensor that is worth storing in half precision


def store_weights_as_half(graph: onnx.GraphProto) -> None:
    """Large fp32 initialisers become fp16 followed by a Cast; runtimes fold the Cast when they load the graph."""
    casts = []
    for i, init in enumerate(graph.initializer):
        if init.data_type != TensorProto.FLOAT or int(np.prod(init.dims)) < SMALLEST:
            continue
        half = numpy_helper.from_array(numpy_helper.to_array(init).astype(np.float16), init.name + "_f16")
        casts.append(helper.make_node("Cast", [half.name], [init.name], to=TensorProto.FLOAT, name=init.name + "_cast"))
        graph.initializer[i].CopyFrom(half)
    for n in reversed(casts):
        graph.node.insert(0, n)


def to_onnx(model: torch.nn.Module, inputs: Tuple[torch.Tensor, ...], names: List[str], output: str, path: Path, dynamic: bool = True) -> None:
    """Exports with a batch of any size (or, not dynamic, of this one), rounding the model's own weights to fp16 first so that both agree."""
    with torch.no_grad():
        for p in model.parameters():
            if p.numel() >= SMALLEST:
                p.copy_(p.half().float())
        shape = list(model(*inputs).shape)
    buffer = io.BytesIO()
    axes = {n: {0: "B"} for n in [*names, output]} if dynamic else None
    newer = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(model, inputs, buffer, input_names=names, output_names=[output], opset_version=17, dynamic_axes=axes, **newer)
    m = onnx.load_from_string(buffer.getvalue())
    store_weights_as_half(m.graph)
    # The exporter's notes name source files of the machine; they are of no use to a reader.
    m.producer_name, m.producer_version, m.doc_string, m.graph.doc_string = "gestalt3d", "", "", ""
    for n in m.graph.node:
        n.doc_string = ""
        del n.metadata_props[:]
    del m.graph.metadata_props[:]
    del m.graph.value_info[:]
    # Reshapes hide the output's shape from the exporter.
    for d, size in zip(m.graph.output[0].type.tensor_type.shape.dim, (["B"] if dynamic else [shape[0]]) + shape[1:]):
        if isinstance(size, str):
            d.dim_param = size
        else:
            d.dim_value = size
    onnx.checker.check_model(m)
    onnx.save(m, path)


def write_golden(folder: Path, tensors: Dict[str, np.ndarray], inputs: List[str], outputs: List[str], tolerance: Any,
                 as_bytes: Optional[Dict[str, Tuple[float, float]]] = None, name: str = "golden", **extra: Any) -> dict:
    """<tensor>.f32 are little-endian float32 in C order; <tensor>.u8 are bytes b that stand for b * scale + offset. <name>.json names
    and shapes them, and is returned; under a name of their own the files are called <name>.<tensor>.*"""
    folder.mkdir(parents=True, exist_ok=True)
    spec = {}
    for n, a in tensors.items():
        file = n if name == "golden" else f"{name}.{n}"
        spec[n] = {"path": f"golden/{file}.f32", "dtype": "float32", "dims": list(a.shape)}
        if as_bytes and n in as_bytes:
            scale, offset = as_bytes[n]
            spec[n] = {"path": f"golden/{file}.u8", "dtype": "uint8", "scale": scale, "offset": offset, "dims": list(a.shape)}
            (folder / f"{file}.u8").write_bytes(np.round((a - offset) / scale).astype(np.uint8).tobytes())
        else:
            (folder / f"{file}.f32").write_bytes(np.ascontiguousarray(a, "<f4").tobytes())
    case = {**extra, "inputs": {n: spec[n] for n in inputs}, "outputs": {n: spec[n] for n in outputs}, "tolerance": tolerance}
    (folder / f"{name}.json").write_text(json.dumps(case, indent=2) + "\n")
    return case


def listed(folder: Path, paths: List[str]) -> List[dict]:
    """path, bytes and sha256 of a bundle's files."""
    out = []
    for p in paths:
        data = (folder / p).read_bytes()
        out.append({"path": p, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    return out


def verify(path: Path, inputs: Dict[str, np.ndarray], expected: np.ndarray) -> float:
    """Largest difference of the graph's answer, for a batch of one and for the whole batch, from `expected`."""
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    worst = 0.0
    for b in sorted({1, len(expected)}):
        got = session.run(None, {k: v[:b] for k, v in inputs.items()})[0]
        worst = max(worst, float(np.abs(got - expected[:b]).max()))
    return worst

"""Writes the bundle: denoiser.onnx (weights stored as fp16, computed in fp32), golden case, bundle.json.

    python export.py --checkpoint RUN/last.pt [--revision 1]
"""

import argparse
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from model import SIZE, Denoiser

HERE = Path(__file__).parent
TOLERANCE = 2e-3


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


def write_golden(folder: Path, tensors: dict[str, np.ndarray], inputs: list[str], output: str, tolerance: float) -> dict:
    """golden/<name>.f32 are little-endian float32 in C order; golden.json names and shapes them."""
    folder.mkdir(exist_ok=True)
    for n, a in tensors.items():
        (folder / f"{n}.f32").write_bytes(np.ascontiguousarray(a, "<f4").tobytes())
    case = {
        "inputs": {n: {"path": f"golden/{n}.f32", "dims": list(tensors[n].shape)} for n in inputs},
        "outputs": {output: {"path": f"golden/{output}.f32", "dims": list(tensors[output].shape)}},
        "tolerance": tolerance,
    }
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


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoint", type=Path, required=True)
    ap.add_argument("--revision", default="1")
    ap.add_argument("--out", type=Path, default=HERE)
    ap.add_argument("--steps", type=int, default=10)
    ap.add_argument("--eta", type=float, default=0.0)
    ap.add_argument("--guidance", type=float, default=1.5)
    a = ap.parse_args()
    torch.set_num_threads(2)
    state = torch.load(a.checkpoint, weights_only=True)
    model = Denoiser(**{k: v for k, v in state["config"].items()}).eval()
    model.load_state_dict(state["ema"])

    g = torch.Generator().manual_seed(7)
    x = torch.randn(2, 4, SIZE, SIZE, generator=g)
    cond = torch.zeros(2, 8, SIZE, SIZE)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
    mask = ((xx**2 + yy**2 < 0.25) & (xx < 0.1)).float()
    crop = torch.stack([xx * 0.5, yy * 0.5, (xx * 4).sin() * 0.5])
    cond[0] = torch.cat([crop * mask, mask[None], crop, torch.ones(1, SIZE, SIZE)])
    t = torch.tensor([999.0, 299.0])
    path = a.out / "denoiser.onnx"
    to_onnx(model, (x, cond, t), ["x", "cond", "t"], "v", path)
    with torch.no_grad():
        v = model(x, cond, t)
    arrays = {"x": x.numpy(), "cond": cond.numpy(), "t": t.numpy(), "v": v.numpy()}
    worst = verify(path, {k: arrays[k] for k in ("x", "cond", "t")}, arrays["v"])
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, "
          f"largest difference from torch {worst:.2e}")
    assert worst < TOLERANCE
    # the committed case is one batch row, to stay small
    golden = write_golden(a.out / "golden", {k: v_[:1] for k, v_ in arrays.items()}, ["x", "cond", "t"], "v", TOLERANCE)
    files = listed(a.out, ["denoiser.onnx", "golden/golden.json", *(f"golden/{n}.f32" for n in arrays)])
    bundle = {
        "schemaVersion": 1,
        "id": "gestalt-complete",
        "revision": a.revision,
        "licence": "CC-BY-4.0",
        "attribution": [
            "Furniture renders: Sweet Home 3D furniture libraries, their authors as listed in the Debian package sweethome3d-furniture (CC0-1.0, CC-BY-3.0)",
            "Emoji renders: Fluent Emoji by Microsoft, packaged by LobeHub as @lobehub/fluent-emoji-3d (MIT)",
            "Environment panoramas: @pmndrs/assets (CC0-1.0)",
            "Photographs china.jpg and flower.jpg: danielbuechele and vultilion, sample images of scikit-learn (CC-BY-2.0)",
            "Photographs brick, grass and gravel: scikit-image (CC0-1.0)",
        ],
        "origin": {
            "recipe": "models/complete/train.py, compose.py, model.py",
            "data": "Renders of household and procedural objects, emoji renders, procedural and photographic backgrounds; see README.md",
            "step": state["step"],
            "minutes": round(state["spent"] / 60, 1),
        },
        "files": files,
        "graphs": {
            "denoiser": {
                "file": "denoiser.onnx",
                "inputs": [
                    {"name": "x", "dtype": "float32", "dims": ["B", 4, SIZE, SIZE]},
                    {"name": "cond", "dtype": "float32", "dims": ["B", 8, SIZE, SIZE]},
                    {"name": "t", "dtype": "float32", "dims": ["B"]},
                ],
                "outputs": [{"name": "v", "dtype": "float32", "dims": ["B", 4, SIZE, SIZE]}],
            }
        },
        "preprocessing": {
            "size": SIZE,
            "cropScale": 2.0,
            "condChannels": ["visibleR", "visibleG", "visibleB", "visibleMask", "cropR", "cropG", "cropB", "insidePhoto"],
            "colourRange": [-1, 1],
            "maskRange": [0, 1],
            "visibleColour": "crop colour in [-1,1] times the visible mask",
            "outside": "crop colour and insidePhoto are 0 where the crop leaves the photo",
            "null": "cond all zeros",
            "output": ["R", "G", "B", "alpha"],
            "background": "mid-grey: colours in [-1,1] are premultiplied by alpha, so 0 outside the object; alpha channel is 2 alpha - 1",
        },
        "scheduler": {
            "kind": "cosine",
            "timesteps": 1000,
            "s": 0.008,
            "maxBeta": 0.999,
            "betas": "beta_t = min(maxBeta, 1 - f(t+1)/f(t)), f(t) = cos^2(((t/1000 + s)/(1 + s)) * pi/2)",
            "prediction": "v",
            "rule": "trailing",
            "steps": a.steps,
            "eta": a.eta,
            "guidance": a.guidance,
            "limit": [-1, 1],
        },
        "golden": golden,
    }
    (a.out / "bundle.json").write_text(json.dumps(bundle, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""What the exporters share: ONNX with half-precision storage, golden cases, file lists."""

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

import numpy as np
import torch

from common.weights import write_weights

ATTRIBUTION = [
    "Furniture renders: Sweet Home 3D furniture libraries, their authors as listed in the Debian package sweethome3d-furniture (CC0-1.0, CC-BY-3.0)",
    "Emoji renders: Fluent Emoji by Microsoft, packaged by LobeHub as @lobehub/fluent-emoji-3d (MIT)",
    "Environment panoramas: @pmndrs/assets (CC0-1.0)",
    "Photographs china.jpg and flower.jpg: danielbuechele and vultilion, sample images of scikit-learn (CC-BY-2.0)",
    "Photographs brick, grass and gravel: scikit-image (CC0-1.0)",
]


SMALLEST = 256  # elements of a tensor that the builder stores in half precision (encodeWholeGraph)
REPOSITORY = Path(__file__).resolve().parents[2]
BUILDER = REPOSITORY / "packages/networks/scripts/build-embedded.mjs"


def to_onnx(network: str, model: torch.nn.Module, config: Dict[str, Any], path: Path) -> None:
    """Writes the graph of a network of packages/networks (its names: EMBEDDED_NETWORKS) with the model's weights, which are rounded to fp16 first so that
    both agree. Throws FileNotFoundError where the packages are not built."""
    if not (REPOSITORY / "packages/networks/dist/index.js").exists():
        raise FileNotFoundError(f"{REPOSITORY / 'packages/networks/dist'}: expected the built packages; run npm ci in {REPOSITORY} first")
    with torch.no_grad():
        for p in model.parameters():
            if p.numel() >= SMALLEST:
                p.copy_(p.half().float())
    with tempfile.TemporaryDirectory() as folder:
        write_weights(Path(folder), model.state_dict(), config, 0, 0, exact_below=SMALLEST)
        subprocess.run(["node", str(BUILDER), network, folder, str(path)], check=True)


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

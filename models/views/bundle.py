"""Writes bundle.json from what lies beside it (graphs and golden cases of export.py).

    python models/views/bundle.py --revision R [--default body|volume|denoiser] [--measured FILE.json]
        [--layers-log RUN/layers/log.jsonl] [--volume-log RUN/volume/log.jsonl] [--denoiser-log RUN/joint/log.jsonl]
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, Optional

import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.bundle import listed  # noqa: E402
from views.body import FARTHEST, NEAREST, SOLID_ABOVE  # noqa: E402

HERE = Path(__file__).resolve().parent


def last_line(path: Optional[Path]) -> Optional[Dict[str, Any]]:
    return json.loads(path.read_text().strip().splitlines()[-1]) if path else None


def graph_port(path: Path) -> Dict[str, Any]:
    """The graph's entry in the bundle, from its own inputs and outputs."""

    def tensor(value: onnxruntime.NodeArg) -> Dict[str, Any]:
        return {"name": value.name, "dtype": "float32", "dims": value.shape}

    graph = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return {"file": path.name, "inputs": [tensor(v) for v in graph.get_inputs()], "outputs": [tensor(v) for v in graph.get_outputs()]}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--revision", required=True)
    parser.add_argument("--default", choices=["body", "volume", "denoiser"], default="body")
    parser.add_argument("--measured", type=Path)
    parser.add_argument("--layers-log", type=Path)
    parser.add_argument("--volume-log", type=Path)
    parser.add_argument("--denoiser-log", type=Path)
    parser.add_argument("--folder", type=Path, default=HERE)
    args = parser.parse_args()
    golden = sorted(f"golden/{p.name}" for p in (args.folder / "golden").iterdir())
    graphs = [g for g in ("layers", "volume", "denoiser") if (args.folder / f"{g}.onnx").exists()]
    files = listed(args.folder, [f"{g}.onnx" for g in graphs] + golden)
    ports = {g: graph_port(args.folder / f"{g}.onnx") for g in graphs}
    size = ports["layers"]["inputs"][0]["dims"][2]
    bundle = {
        "schemaVersion": 1,
        "id": "gestalt-views",
        "revision": args.revision,
        "licence": "CC-BY-4.0",
        "attribution": [
            "Trained on renderings of the Sweet Home 3D furniture libraries (Debian package sweethome3d-furniture): Kator Legaz (CC-BY-3.0), "
            "Scopia Visual Interfaces Systems (CC-BY-3.0), Reallusion (CC-BY-3.0), the Blend Swap contributors (CC-BY-3.0 and CC0-1.0)",
            "and of procedural objects made by this repository (CC0-1.0)",
        ],
        "origin": {
            "recipe": "models/views/train.py, layers_recipe.py, volume_recipe.py, joint_recipe.py", "data": "npm run data (views.pack)",
            **({"layers": last_line(args.layers_log)} if args.layers_log else {}),
            **({"volume": last_line(args.volume_log)} if args.volume_log else {}),
            **({"denoiser": last_line(args.denoiser_log)} if args.denoiser_log else {}),
        },
        "files": files,
        "graphs": ports,
        "preprocessing": {
            "size": size,
            "fill": 200 / 256,
            "crop": "the box of alpha > 0.5 centred in a square frame, its longest side `fill` of the frame's width; area-averaged, colour weighted by alpha",
            "range": [0, 1],
            "alpha": "straight",
            "channels": ["R", "G", "B", "alpha"],
            "elevation": "radians",
            "output": ["front", "back", "backR", "backG", "backB"],
            "depth": "world units along the viewing axis from the plane through the object's centre, positive away from the camera; "
            "one frame width is 1.5 / 1.09375 units in that plane",
        },
        "body": {"alphaThreshold": 0.5, "minThickness": 0.02, "inputDistance": 2.0, "near": 0.63, "far": 2.37, "steps": 128, "bisections": 5, "blend": [0.35, 0.65]},
        "rig": {"elevationDeg": 30, "azimuthStepDeg": 22.5, "count": 16, "distance": 1.5, "focalPerWidth": 1.09375},
        "default": args.default,
        "golden": {n[len("golden/"):-len(".json")]: n for n in golden if n.endswith(".json")},
    }
    if "volume" in graphs:
        bundle["volume"] = {"nearest": NEAREST, "farthest": FARTHEST, "threshold": SOLID_ABOVE,
                            "planes": "the layers' five, then logits of being solid at equal steps from nearest to farthest, at the middle of each"}
    if "denoiser" in graphs:
        bundle["sampler"] = {
            "picture": "RGBA in [-1,1], colour premultiplied: (2 rgb - 1) alpha, 2 alpha - 1",
            "schedule": {"kind": "cosine", "timesteps": 1000, "s": 0.008, "maxBeta": 0.999},
            "prediction": "x0", "start": 999, "end": 500, "steps": 1, "eta": 0, "limit": [-1, 1],
            "times": "t_i = round(start - (start - end) i / steps), i = 0..steps-1; x_start = sqrt(abar_start) body + sqrt(1 - abar_start) noise "
            "(at 999: noise alone); x0 is clamped to the limit; the last x0 is the answer",
        }
    if args.measured:
        bundle["measured"] = json.loads(args.measured.read_text())
    (args.folder / "bundle.json").write_text(json.dumps(bundle, indent=2) + "\n")
    print(json.dumps({"graphs": graphs, "bytes": sum(f["bytes"] for f in files)}))


if __name__ == "__main__":
    main()

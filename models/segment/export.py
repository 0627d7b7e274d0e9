"""Writes the bundle: segmenter.onnx (weights stored as fp16, computed in fp32), golden case, bundle.json.

    python models/segment/export.py --checkpoint RUN/segment [--revision 1] [--out DIR]

RUN/segment is a run's folder, a checkpoint or a folder of safetensors.
"""

import argparse
import json
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.bundle import ATTRIBUTION, listed, to_onnx, verify, write_golden  # noqa: E402
from common.weights import load_trained  # noqa: E402
from segment.net import CLICK_RADIUS, SIZE, Segmenter  # noqa: E402
from segment.prompts import NOWHERE, discs  # noqa: E402

HERE = Path(__file__).parent
TOLERANCE = 2e-3


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoint", type=Path, required=True)
    ap.add_argument("--revision", default="1")
    ap.add_argument("--out", type=Path, default=HERE)
    a = ap.parse_args()
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    trained = load_trained(a.checkpoint)
    model = Segmenter(**trained.config).eval()
    model.load_state_dict(trained.state)

    # the golden picture is synthetic and coarse enough to be stored small: a disc and a box over a gradient
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, SIZE), torch.linspace(-1, 1, SIZE), indexing="ij")
    picture = torch.stack([xx, yy, (xx * yy)]) * 0.6
    picture[:, (xx + 0.3) ** 2 + yy**2 < 0.12] = torch.tensor([0.8, -0.6, -0.5])[:, None]
    picture[:, (xx > 0.2) & (xx < 0.6) & (yy.abs() < 0.4)] = torch.tensor([-0.7, 0.1, 0.7])[:, None]
    image = (((picture + 1) * 127.5).round() / 127.5 - 1)[None].repeat(2, 1, 1, 1)
    nowhere = torch.full((1, 1, 2), NOWHERE)

    def at(x: float, y: float) -> torch.Tensor:
        return torch.tensor([[[x, y]]])

    prompt = torch.zeros(2, 3, SIZE, SIZE)
    prompt[0, 0], prompt[0, 1] = discs(at(45.0, 64.0))[0], discs(at(90.0, 64.0))[0]
    prompt[1, 0] = discs(nowhere)[0]
    prompt[1, 2] = ((xx > 0.15) & (xx < 0.65) & (yy.abs() < 0.45)).float()
    path = a.out / "segmenter.onnx"
    to_onnx("segmenter", model, trained.config, path)
    with torch.no_grad():
        logits = model(image, prompt)
    arrays = {"image": image.numpy(), "prompt": prompt.numpy(), "logits": logits.numpy()}
    worst = verify(path, {k: arrays[k] for k in ("image", "prompt")}, arrays["logits"])
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, "
          f"largest difference from torch {worst:.2e}")
    if worst >= TOLERANCE:
        raise ValueError(f"{path}: expected within {TOLERANCE} of PyTorch, came {worst}")
    row = {"image": arrays["image"][:1], "prompt": arrays["prompt"][:1], "logits": arrays["logits"][:1]}
    golden = write_golden(a.out / "golden", row, ["image", "prompt"], ["logits"], TOLERANCE,
                          as_bytes={"image": (1 / 127.5, -1.0), "prompt": (1.0, 0.0)})
    files = listed(a.out, ["segmenter.onnx", *sorted(str(p.relative_to(a.out)) for p in (a.out / "golden").iterdir())])
    bundle = {
        "schemaVersion": 1,
        "id": "gestalt-segment",
        "revision": a.revision,
        "licence": "CC-BY-4.0",
        "attribution": ATTRIBUTION,
        "origin": {
            "recipe": "models/segment/train.py, scenes.py, prompts.py, net.py",
            "data": "Composites of renders of household and procedural objects and emoji over procedural and photographic backgrounds; see README.md",
            "step": trained.step,
            "minutes": round(trained.minutes, 1),
        },
        "files": files,
        "graphs": {
            "segmenter": {
                "file": "segmenter.onnx",
                "inputs": [
                    {"name": "image", "dtype": "float32", "dims": ["B", 3, SIZE, SIZE]},
                    {"name": "prompt", "dtype": "float32", "dims": ["B", 3, SIZE, SIZE]},
                ],
                "outputs": [{"name": "logits", "dtype": "float32", "dims": ["B", 1, SIZE, SIZE]}],
            }
        },
        "preprocessing": {
            "size": SIZE,
            "imageChannels": ["R", "G", "B"],
            "colourRange": [-1, 1],
            "fit": "longest side to size, centred, the rest 0",
            "promptChannels": ["positive clicks", "negative clicks", "box"],
            "click": "1 where a pixel's centre is within clickRadius of the click, else 0",
            "clickRadius": CLICK_RADIUS,
            "box": "1 inside, 0 outside; all 0 without a box",
            "threshold": 0,
        },
        "golden": golden,
    }
    (a.out / "bundle.json").write_text(json.dumps(bundle, indent=2) + "\n")


if __name__ == "__main__":
    main()

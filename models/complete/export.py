"""Writes the bundle: denoiser.onnx (weights stored as fp16, computed in fp32), golden case, bundle.json.

    python export.py --checkpoint RUN/last.pt [--revision 1]
"""

import argparse
import json
from pathlib import Path

import torch

from export_bundle import ATTRIBUTION, listed, to_onnx, verify, write_golden
from model import SIZE, Anchored, Denoiser

HERE = Path(__file__).parent
TOLERANCE = 2e-3


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoint", type=Path, required=True)
    ap.add_argument("--revision", default="1")
    ap.add_argument("--out", type=Path, default=HERE)
    ap.add_argument("--steps", type=int, default=6)
    ap.add_argument("--eta", type=float, default=1.0)
    ap.add_argument("--guidance", type=float, default=2.0)
    a = ap.parse_args()
    torch.set_num_threads(1)
    state = torch.load(a.checkpoint, weights_only=True)
    core = Denoiser(**state["config"])
    core.load_state_dict(state["ema"])
    model = Anchored(core).eval()

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
        "attribution": ATTRIBUTION,
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
        # hidden colours: the network's own are 17.5 dB, the photo's spread smoothly 20.3 dB (README.md), so little of the former is added to the latter
        "postprocessing": {"detail": 0.2},
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

"""Writes the bundle: denoiser.onnx, with a prior prior.onnx (weights stored as fp16, computed in fp32), golden cases, bundle.json.

    python models/complete/export.py --checkpoint RUN/denoiser --prior RUN/prior [--revision 1] [--out DIR]

RUN/... is a run's folder, a checkpoint or a folder of safetensors.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Dict, List, Tuple

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.bundle import ATTRIBUTION, listed, to_onnx, verify, write_golden  # noqa: E402
from common.weights import load_trained  # noqa: E402
from complete.model import Anchored, Denoiser  # noqa: E402
from complete.prior import Prior, as_condition  # noqa: E402

HERE = Path(__file__).parent
TOLERANCE = 2e-3


class Conditioned(torch.nn.Module):
    """A denoiser that was trained beside a prior, as it ships: its input `prior` is the prior graph's own output."""

    def __init__(self, denoiser: torch.nn.Module):
        super().__init__()
        self.denoiser = denoiser

    def forward(self, x: torch.Tensor, cond: torch.Tensor, t: torch.Tensor, prior: torch.Tensor) -> torch.Tensor:
        return self.denoiser(x, cond, t, as_condition(prior))


def example(size: int) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """x, cond, t of two rows: half a disc in a coloured picture, and the null condition."""
    g = torch.Generator().manual_seed(7)
    x = torch.randn(2, 4, size, size, generator=g)
    cond = torch.zeros(2, 8, size, size)
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    mask = ((xx**2 + yy**2 < 0.25) & (xx < 0.1)).float()
    crop = torch.stack([xx * 0.5, yy * 0.5, (xx * 4).sin() * 0.5])
    cond[0] = torch.cat([crop * mask, mask[None], crop, torch.ones(1, size, size)])
    return x, cond, torch.tensor([999.0, 299.0])


def write_graph(model: torch.nn.Module, inputs: Dict[str, torch.Tensor], output: str, name: str, out: Path, case: str,
                trained: torch.nn.Module, config: Dict[str, Any]) -> Tuple[Dict[str, Any], dict, List[str]]:
    """The graph's entry in the bundle, its golden case (one row, to stay small) and its files. model: what ships around the `trained` network."""
    path = out / f"{name}.onnx"
    to_onnx(f"completion-{name}", trained, config, path)
    with torch.no_grad():
        expected = model(*inputs.values())
    arrays = {k: v.numpy() for k, v in inputs.items()}
    worst = verify(path, arrays, expected.numpy())
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, "
          f"largest difference from torch {worst:.2e}")
    if worst >= TOLERANCE:
        raise ValueError(f"{path}: expected within {TOLERANCE} of PyTorch, came {worst}")
    stored = {k: v[:1] for k, v in {**arrays, output: expected.numpy()}.items()}
    golden = write_golden(out / "golden", stored, list(inputs), [output], TOLERANCE, name=case)

    def port(key: str, value: torch.Tensor) -> Dict[str, Any]:
        return {"name": key, "dtype": "float32", "dims": ["B", *value.shape[1:]]}

    entry = {"file": path.name, "inputs": [port(k, v) for k, v in inputs.items()], "outputs": [port(output, expected)]}
    tensors = [spec["path"] for part in ("inputs", "outputs") for spec in golden[part].values()]
    return entry, golden, [path.name, f"golden/{case}.json", *tensors]


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoint", type=Path, required=True, help="of the denoiser")
    ap.add_argument("--prior", type=Path, help="from whose answer samples start; the one that the denoiser was trained with, if it was")
    ap.add_argument("--revision", default="1")
    ap.add_argument("--out", type=Path, default=HERE)
    ap.add_argument("--steps", type=int, help="default: 2 with a prior, 6 without")
    ap.add_argument("--eta", type=float, default=1.0)
    ap.add_argument("--guidance", type=float, help="default: 1 with a prior, 2 without")
    ap.add_argument("--start-at", type=int, default=300, help="with a prior: timesteps walked from its answer")
    ap.add_argument("--bias", type=float, default=0.3, help="logit of the prior that counts as the outline")
    ap.add_argument("--spread", type=float, default=2.5, help="standard deviation of a sample's own change of the logit, at the crop's corners")
    a = ap.parse_args()
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    trained = load_trained(a.checkpoint)
    core = Denoiser(**trained.config)
    core.load_state_dict(trained.state)
    if core.prior and not a.prior:
        ap.error("this denoiser was trained with a prior: give it with --prior")
    size = core.size
    x, cond, t = example(size)
    inputs, origin = {"x": x, "cond": cond, "t": t}, {"step": trained.step, "minutes": round(trained.minutes, 1)}
    graphs: Dict[str, Any] = {}
    files: List[str] = []
    if a.prior:
        source = load_trained(a.prior)
        prior = Prior(**source.config)
        prior.load_state_dict(source.state)
        prior.eval()
        fine = source.config.get("size", 64)
        if fine % size or (core.prior and fine != size):
            ap.error(f"a prior of {fine} px does not go with this denoiser of {size} px")
        graphs["prior"], prior_golden, more = write_graph(prior, {"cond": example(fine)[1]}, "whole", "prior", a.out, "prior", prior, source.config)
        files += more
        origin["prior"] = {"step": source.step, "minutes": round(source.minutes, 1)}
    denoiser: torch.nn.Module = Anchored(core).eval()
    if core.prior:
        with torch.no_grad():
            inputs["prior"] = prior(cond)
        denoiser = Conditioned(denoiser)
    graphs["denoiser"], golden, more = write_graph(denoiser, inputs, "v", "denoiser", a.out, "golden", core, trained.config)
    files += more
    bundle = {
        "schemaVersion": 1,
        "id": "gestalt-complete",
        "revision": a.revision,
        "licence": "CC-BY-4.0",
        "attribution": ATTRIBUTION,
        "origin": {
            "recipe": "models/complete/train.py, compose.py, model.py",
            "data": "Renders of household and procedural objects, emoji renders, procedural and photographic backgrounds; see README.md",
            **origin,
        },
        "files": listed(a.out, files),
        "graphs": graphs,
        # hidden colours: the network's own are 17.5 dB, the photo's spread smoothly 20.3 dB (README.md), so little of the former is added to the latter
        "postprocessing": {"detail": 0.2},
        "preprocessing": {
            "size": size,
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
            "steps": a.steps or (2 if a.prior else 6),
            "eta": a.eta,
            "guidance": a.guidance or (1.0 if a.prior else 2.0),
            "limit": [-1, 1],
        },
        "golden": golden,
    }
    if a.prior:
        bundle["goldenPrior"] = prior_golden
        bundle["scheduler"].update(startAt=a.start_at, estimate={"bias": a.bias, "sharpness": 2.0, "spread": a.spread})
        bundle["preprocessing"]["prior"] = "prior.onnx answers cond once: R, G, B straight in about [-1,1], and the logit of alpha"
    (a.out / "bundle.json").write_text(json.dumps(bundle, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Measures completions on held-out objects with fixed seeds.

    python models/complete/evaluate.py --data complete.pack [--model denoiser.onnx|RUN] [--prior prior.onnx|RUN] [--cases 40] [--split 2]
        [--sweep] [--sheet sheet.png]

RUN is a run's folder, a checkpoint or a folder of safetensors. With --model none the prior is measured alone.

Intersection over union of the amodal mask by band of hidden area, for the visible mask alone, its convex hull, one sample, the
best of three and the majority vote of four; PSNR of the colours in the hidden part. The visible part is pasted back first, as
the pipeline does: alpha >= visible mask.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import gaussian_filter
from skimage.morphology import convex_hull_image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.bank import make_bank  # noqa: E402
from common.device import Machine, open_machine  # noqa: E402
from common.pictures import save_picture  # noqa: E402
from common.weights import load_trained  # noqa: E402
from complete.compose import BANDS, completion_batch  # noqa: E402
from complete.model import Anchored, Denoiser  # noqa: E402
from complete.prior import Prior, as_condition  # noqa: E402
from complete.sample import departure, draw_start, sample, with_detail  # noqa: E402

Answer = Callable[..., torch.Tensor]
KINDS = {"denoiser": (Denoiser, ["x", "cond", "t", "prior"]), "prior": (Prior, ["cond"])}


def load(path: str, kind: str, machine: Machine) -> Tuple[Answer, int, bool]:
    """The network of an ONNX graph (on the CPU) or of trained weights (on the machine), its pixels a side, and whether it is a denoiser that
    takes the prior's answer."""
    network, names = KINDS[kind]
    if path.endswith(".onnx"):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 2
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

        def run_graph(*inputs: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(session.run(None, {n: v.float().cpu().numpy() for n, v in zip(names, inputs)})[0]).to(inputs[0].device)

        return run_graph, session.get_inputs()[0].shape[2], "prior" in [i.name for i in session.get_inputs()]
    trained = load_trained(Path(path))
    core = network(**trained.config)
    core.load_state_dict(trained.state)
    model = (Anchored(core) if kind == "denoiser" else core).eval().to(machine.device)

    def run(*inputs: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), machine.autocast():
            return model(*inputs[:3], *[as_condition(prior) for prior in inputs[3:]]).float()

    return run, trained.config.get("size", 64), bool(getattr(core, "prior", False))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    u = (a | b).sum()
    return float((a & b).sum() / u) if u else 1.0


def cases(pack: Dict[str, np.ndarray], split: int, per_band: int, seed: int, augment: bool, size: int, machine: Machine) -> Dict[str, torch.Tensor]:
    """x0, cond, visible and band, `per_band` of every band in order."""
    bank = make_bank(pack, (split,), machine.device, shapes=300, seed=seed)
    g = machine.generator(seed)
    parts = []
    for i, band in enumerate(BANDS):
        got: Dict[str, List[torch.Tensor]] = {"x0": [], "cond": [], "visible": []}
        while sum(len(v) for v in got["x0"]) < per_band:
            d = completion_batch(bank, g, per_band, size, augment, band)
            for k in got:
                got[k].append(d[k][d["ok"]])
        parts.append({k: torch.cat(v)[:per_band] for k, v in got.items()} | {"band": torch.full((per_band,), i)})
    return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}


def amodal(x: torch.Tensor, visible: np.ndarray) -> np.ndarray:
    return (x[:, 3].numpy() > 0) | visible


def draw(model: Optional[Answer], d: dict, steps: int, eta: float, guidance: float, prior: Optional[Answer], k: int, start_at: int,
         conditioned: bool, factor: int, batch: int = 40) -> List[torch.Tensor]:
    """k answers [N,4,S,S] on the CPU: samples, from the prior's answer where there is one; without a denoiser what a sample would start from.
    factor: how much finer the prior is than the denoiser."""
    answers: List[List[torch.Tensor]] = [[] for _ in range(k)]
    for i, cond in enumerate(d["cond"].split(batch)):
        guess = prior(cond) if prior else None
        for s in range(k):
            seed = 1000 * s + i * batch
            whose, direction, extent = departure(s)
            start = None if guess is None else draw_start(guess, 1000 * whose + i * batch, direction=direction, extent=extent)
            coarse = F.avg_pool2d(cond, factor)
            if model is None:
                assert start is not None
                answers[s].append(start.cpu())
            elif start is None:
                answers[s].append(sample(model, cond, steps, eta, guidance, seed).cpu())
            else:
                x = sample(model, coarse, steps, eta, guidance, seed, guess if conditioned else None, F.avg_pool2d(start, factor), start_at)
                answers[s].append(with_detail(x, start).cpu())
    return [torch.cat(a) for a in answers]


def measure(model: Optional[Answer], d: dict, steps: int, eta: float, guidance: float, prior: Optional[Answer], start_at: int, conditioned: bool,
            factor: int, k: int = 4) -> dict:
    n = len(d["x0"])
    t0 = time.time()
    xs = draw(model, d, steps, eta, guidance, prior, k, start_at, conditioned, factor)
    seconds = (time.time() - t0) / (n * k)
    d = {key: v.cpu() if isinstance(v, torch.Tensor) else v for key, v in d.items()}
    truth = d["x0"][:, 3].numpy() > 0
    visible = d["visible"][:, 0].numpy() > 0.5
    masks = np.stack([amodal(x, visible) for x in xs])
    vote = masks.sum(0) * 2 > k
    tie = masks.sum(0) * 2 >= k
    soft = np.mean([x[:, 3].numpy() for x in xs], 0)
    single = np.array([[iou(m[i], truth[i]) for i in range(n)] for m in masks])
    rows = {
        "the first sample": single[0],
        "one sample": single.mean(0),
        "best of 3": single[:3].max(0),
        "vote of 4, tie is no": np.array([iou(vote[i], truth[i]) for i in range(n)]),
        "vote of 4, tie is yes": np.array([iou(tie[i], truth[i]) for i in range(n)]),
        "mean alpha of 4 above one half": np.array([iou((soft[i] > 0) | visible[i], truth[i]) for i in range(n)]),
    }
    hull = np.array([iou(convex_hull_image(visible[i]) if visible[i].any() else visible[i], truth[i]) for i in range(n)])
    rows = {"visible alone": np.array([iou(visible[i], truth[i]) for i in range(n)]), "convex hull": hull} | rows
    hidden = truth & ~visible
    psnr, blurred = np.full(n, np.nan), np.full(n, np.nan)
    alpha = ((d["x0"][:, 3:] + 1) / 2).numpy()
    for i in range(n):
        h = hidden[i] & (alpha[i, 0] > 0.9)
        if h.sum() < 8:
            continue
        want = d["x0"][i, :3].numpy()[:, h]
        errors = []
        for x in xs:  # where the sample has the object too: what is missing there is the masks' business
            both = h & (x[i, 3].numpy() > 0)
            if both.sum() >= 8:
                got = (x[i, :3] / ((x[i, 3:] + 1) / 2).clamp(0.5, 1)).clamp(-1, 1).numpy()[:, both]
                errors.append((((got - d["x0"][i, :3].numpy()[:, both]) / 2) ** 2).mean())
        if not errors:
            continue
        psnr[i] = -10 * np.log10(max(1e-6, np.mean(errors)))
        # the plainest alternative: colours spread from the visible part
        v = d["visible"][i, 0].numpy()
        c = d["cond"][i, 4:7].numpy()
        spread = np.stack([gaussian_filter(c[j] * v, v.shape[0] / 8) for j in range(3)]) / (gaussian_filter(v, v.shape[0] / 8) + 1e-6)
        blurred[i] = -10 * np.log10(max(1e-6, (((spread[:, h] - want) / 2) ** 2).mean()))
    spreadness = np.mean([1 - iou(masks[a, i], masks[b, i]) for i in range(n) for a, b in ((0, 1), (2, 3)) if k == 4])
    return {"rows": rows, "psnr": psnr, "blurred": blurred, "diversity": spreadness, "seconds": seconds, "samples": xs}


def show(r: dict, band: np.ndarray) -> None:
    for name, v in r["rows"].items():
        print(f"| {name} | " + " | ".join(f"{v[band == b].mean():.3f}" for b in range(4)) + f" | {v.mean():.3f} |")
    for name, key in (("PSNR hidden, dB", "psnr"), ("PSNR, colours spread", "blurred")):
        v = r[key]
        print(f"| {name} | " + " | ".join(f"{np.nanmean(v[band == b]):.1f}" for b in range(4)) + f" | {np.nanmean(v):.1f} |")


def sheet(d: dict, xs: List[torch.Tensor], pick: List[int], path: Path) -> None:
    """Row: photo, visible part, truth, completions (visible part pasted back, over white), their masks."""

    def over_white(rgb: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        return rgb + (1 - a)

    tiles = []
    for i in pick:
        c, x0 = d["cond"][i].cpu(), d["x0"][i].cpu()
        m = c[3:4]
        row = [c[4:7], c[:3] + (1 - m), over_white(x0[:3], (x0[3:] + 1) / 2)]
        masks = []
        for x in xs:
            a = torch.maximum(((x[i, 3:] + 1) / 2).clamp(0, 1), m)
            row.append(over_white(x[i, :3] * (1 - m) + c[:3], a))
            masks.append((a * 2 - 1).expand(3, -1, -1))
        tiles.append(torch.cat(row + masks, 2))
    half = len(tiles) // 2
    left, right = torch.cat(tiles[:half], 1), torch.cat(tiles[half : 2 * half], 1)
    save_picture(torch.cat([left, torch.ones(3, left.shape[1], 16), right], 2), path)


# timesteps walked, steps, eta, guidance
FROM_NOISE = ((1000, 6, 0, 1.0), (1000, 10, 0, 1.0), (1000, 10, 0, 1.5), (1000, 10, 0.5, 1.5), (1000, 10, 1, 1.0), (1000, 10, 1, 1.5), (1000, 16, 1, 1.5))
FROM_PRIOR = ((300, 2, 1, 1.0), (300, 2, 1, 1.5), (500, 3, 1, 1.0), (500, 3, 1, 1.5), (700, 4, 1, 1.0), (700, 4, 1, 1.5))


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=str(Path(__file__).parent / "denoiser.onnx"))
    ap.add_argument("--prior", help="prior.onnx or a RUN: from whose answer samples start; with --model none it is measured alone")
    ap.add_argument("--start-at", type=int, default=300, help="with a prior: timesteps walked from its answer")
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--device", default="cpu")
    ap.add_argument("--split", type=int, default=2, help="0 train, 1 validation, 2 test")
    ap.add_argument("--cases", type=int, default=40, help="per band")
    ap.add_argument("--seed", type=int, default=99)
    ap.add_argument("--steps", type=int, help="default: 2 with a prior, 6 without")
    ap.add_argument("--eta", type=float, default=1.0)
    ap.add_argument("--guidance", type=float, help="default: 1 with a prior, 2 without")
    ap.add_argument("--sweep", action="store_true")
    ap.add_argument("--rough", action="store_true", help="perturbed masks and photo effects, as in training")
    ap.add_argument("--sheet", type=Path)
    a = ap.parse_args()
    machine = open_machine(a.device)
    sizes: List[int] = []
    model = prior = None
    conditioned = False
    if a.model != "none":
        model, size, conditioned = load(a.model, "denoiser", machine)
        sizes.append(size)
    if a.prior:
        prior, size, _ = load(a.prior, "prior", machine)
        sizes.append(size)
    if not sizes or sizes[-1] % sizes[0] or (conditioned and len(set(sizes)) > 1):
        ap.error(f"expected a denoiser, a prior or both, the prior as fine or a whole number of times finer, came sizes {sizes}")
    factor = sizes[-1] // sizes[0]
    d = cases(load_arrays(a.data), a.split, a.cases, a.seed, a.rough, sizes[-1], machine)
    band = d["band"].cpu().numpy()
    if a.sweep:
        for start_at, steps, eta, guidance in FROM_PRIOR if prior else FROM_NOISE:
            r = measure(model, d, steps, eta, guidance, prior, start_at, conditioned, factor)
            m = {k: v.mean() for k, v in r["rows"].items()}
            print(f"start {start_at} steps {steps} eta {eta} guidance {guidance}: one {m['one sample']:.3f} best3 {m['best of 3']:.3f} "
                  f"vote {m['vote of 4, tie is yes']:.3f} psnr {np.nanmean(r['psnr']):.2f} diversity {r['diversity']:.3f} {r['seconds']:.3f} s a sample", flush=True)
        return
    steps, guidance = a.steps or (2 if prior else 6), a.guidance or (1.0 if prior else 2.0)
    r = measure(model, d, steps, a.eta, guidance, prior, a.start_at, conditioned, factor)
    print("| | 0-20 % | 20-40 % | 40-60 % | 60-80 % | all |\n| --- | --- | --- | --- | --- | --- |")
    show(r, band)
    print(f"diversity (1 - IoU between samples) {r['diversity']:.3f}; {r['seconds']:.3f} s a sample")
    if a.sheet:
        sheet(d, r["samples"], [b * a.cases + i for i in range(min(6, a.cases)) for b in range(4)], a.sheet)


if __name__ == "__main__":
    main()

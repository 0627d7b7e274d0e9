"""Measures completions on held-out objects with fixed seeds.

    python evaluate.py --model denoiser.onnx|RUN/last.pt --data ... --backgrounds ... [--cases 40] [--split 2] [--sweep] [--sheet sheet.png]

Intersection over union of the amodal mask by band of hidden area, for the visible mask alone, its convex hull, one sample, the
best of three and the majority vote of four; PSNR of the colours in the hidden part. The visible part is pasted back first, as
the pipeline does: alpha >= visible mask.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.morphology import convex_hull_image

from compose import BANDS, completion_batch, load_pack, make_bank
from model import Anchored, Denoiser
from sample import sample


def load(path: str):
    if path.endswith(".onnx"):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 2
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda x, c, t: torch.from_numpy(session.run(None, {"x": x.numpy(), "cond": c.numpy(), "t": t.numpy()})[0])
    s = torch.load(path, weights_only=True)
    core = Denoiser(**s["config"])
    core.load_state_dict(s["ema"])
    m = Anchored(core).eval()

    def run(x, c, t):
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            return m(x, c, t)

    return run


def iou(a: np.ndarray, b: np.ndarray) -> float:
    u = (a | b).sum()
    return float((a & b).sum() / u) if u else 1.0


def cases(data: str, weights: list[float], backgrounds: str, split: int, per_band: int, seed: int, augment: bool = False) -> dict[str, torch.Tensor]:
    packs = load_pack(data, (split,))
    bank = make_bank(packs, weights, np.load(backgrounds)["rgb"], 300, seed)
    g = torch.Generator().manual_seed(seed)
    parts = []
    for i, band in enumerate(BANDS):
        got = {"x0": [], "cond": [], "visible": []}
        while sum(len(v) for v in got["x0"]) < per_band:
            d = completion_batch(bank, g, per_band, augment=augment, band=band)
            for k in got:
                got[k].append(d[k][d["ok"]])
        parts.append({k: torch.cat(v)[:per_band] for k, v in got.items()} | {"band": torch.full((per_band,), i)})
    return {k: torch.cat([p[k] for p in parts]) for k in parts[0]}


def amodal(x: torch.Tensor, visible: np.ndarray) -> np.ndarray:
    return (x[:, 3].numpy() > 0) | visible


def measure(model, d: dict, steps: int, eta: float, guidance: float, k: int = 4, batch: int = 40, chunk_seed: int = 0) -> dict:
    truth = d["x0"][:, 3].numpy() > 0
    visible = d["visible"][:, 0].numpy() > 0.5
    n = len(truth)
    t0 = time.time()
    xs = [torch.cat([sample(model, d["cond"][i : i + batch], steps, eta, guidance, seed=chunk_seed + 1000 * s + i) for i in range(0, n, batch)]) for s in range(k)]
    seconds = (time.time() - t0) / (n * k)
    masks = np.stack([amodal(x, visible) for x in xs])
    vote = masks.sum(0) * 2 > k
    tie = masks.sum(0) * 2 >= k
    soft = np.mean([x[:, 3].numpy() for x in xs], 0)
    single = np.array([[iou(m[i], truth[i]) for i in range(n)] for m in masks])
    rows = {
        "one sample": single.mean(0),
        "best of 3": single[:3].max(0),
        "vote of 4, tie is no": np.array([iou(vote[i], truth[i]) for i in range(n)]),
        "vote of 4, tie is yes": np.array([iou(tie[i], truth[i]) for i in range(n)]),
        "mean alpha of 4 above one half": np.array([iou((soft[i] > 0) | visible[i], truth[i]) for i in range(n)]),
    }
    if "hull" not in d:
        d["hull"] = np.array([iou(convex_hull_image(visible[i]) if visible[i].any() else visible[i], truth[i]) for i in range(n)])
        d["alone"] = np.array([iou(visible[i], truth[i]) for i in range(n)])
    rows = {"visible alone": d["alone"], "convex hull": d["hull"]} | rows
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
        spread = np.stack([gaussian_filter(c[j] * v, 8) for j in range(3)]) / (gaussian_filter(v, 8) + 1e-6)
        blurred[i] = -10 * np.log10(max(1e-6, (((spread[:, h] - want) / 2) ** 2).mean()))
    spreadness = np.mean([1 - iou(masks[a, i], masks[b, i]) for i in range(n) for a, b in ((0, 1), (2, 3)) if k == 4])
    return {"rows": rows, "psnr": psnr, "blurred": blurred, "diversity": spreadness, "seconds": seconds, "samples": xs}


def show(r: dict, band: np.ndarray) -> None:
    for name, v in r["rows"].items():
        print(f"| {name} | " + " | ".join(f"{v[band == b].mean():.3f}" for b in range(4)) + f" | {v.mean():.3f} |")
    for name, key in (("PSNR hidden, dB", "psnr"), ("PSNR, colours spread", "blurred")):
        v = r[key]
        print(f"| {name} | " + " | ".join(f"{np.nanmean(v[band == b]):.1f}" for b in range(4)) + f" | {np.nanmean(v):.1f} |")


def sheet(d: dict, xs: list[torch.Tensor], pick: list[int], path: str) -> None:
    """Row: photo, visible part, truth, completions (visible part pasted back, over white), their masks."""
    tiles = []
    for i in pick:
        c = d["cond"][i]
        m = c[3:4]
        over_white = lambda rgb, a: rgb + (1 - a)  # noqa: E731
        row = [c[4:7] + (1 - c[7:8]) * 0, c[:3] + (1 - m), over_white(d["x0"][i, :3], (d["x0"][i, 3:] + 1) / 2)]
        wholes = []
        for x in xs:
            a = torch.maximum(((x[i, 3:] + 1) / 2).clamp(0, 1), m)
            rgb = x[i, :3] * (1 - m) + c[:3]
            wholes.append((over_white(rgb, a), a))
        row += [w for w, _ in wholes] + [(a * 2 - 1).expand(3, -1, -1) for _, a in wholes]
        tiles.append(torch.cat(row, 2))
    half = (len(tiles) + 1) // 2
    left, right = torch.cat(tiles[:half], 1), torch.cat(tiles[half:], 1)
    im = torch.cat([left, torch.ones(3, left.shape[1], 16), right], 2)
    a = ((im + 1) * 127.5).clamp(0, 255).byte().permute(1, 2, 0).numpy()
    Image.fromarray(a).save(path)


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=str(Path(__file__).parent / "denoiser.onnx"))
    ap.add_argument("--data", required=True)
    ap.add_argument("--data-weights", default="")
    ap.add_argument("--backgrounds", required=True)
    ap.add_argument("--split", type=int, default=2)
    ap.add_argument("--cases", type=int, default=40, help="per band")
    ap.add_argument("--seed", type=int, default=99)
    ap.add_argument("--steps", type=int, default=6)
    ap.add_argument("--eta", type=float, default=1.0)
    ap.add_argument("--guidance", type=float, default=2.0)
    ap.add_argument("--sweep", action="store_true")
    ap.add_argument("--rough", action="store_true", help="perturbed masks and photo effects, as in training")
    ap.add_argument("--sheet")
    a = ap.parse_args()
    torch.set_num_threads(1)
    weights = [float(w) for w in a.data_weights.split(",")] if a.data_weights else [1.0] * len(a.data.split(","))
    d = cases(a.data, weights, a.backgrounds, a.split, a.cases, a.seed, a.rough)
    band = d["band"].numpy()
    model = load(a.model)
    if a.sweep:
        for steps, eta, guidance in ((6, 0, 1.0), (10, 0, 1.0), (10, 0, 1.5), (10, 0, 2.0), (10, 0.5, 1.5), (10, 1, 1.0), (10, 1, 1.5), (16, 0, 1.5), (16, 1, 1.5)):
            r = measure(model, d, steps, eta, guidance)
            m = {k: v.mean() for k, v in r["rows"].items()}
            print(f"steps {steps} eta {eta} guidance {guidance}: one {m['one sample']:.3f} best3 {m['best of 3']:.3f} vote {m['vote of 4, tie is yes']:.3f} "
                  f"psnr {np.nanmean(r['psnr']):.2f} diversity {r['diversity']:.3f} {r['seconds']:.3f} s a sample", flush=True)
        return
    r = measure(model, d, a.steps, a.eta, a.guidance)
    print("| | 0-20 % | 20-40 % | 40-60 % | 60-80 % | all |\n| --- | --- | --- | --- | --- | --- |")
    show(r, band)
    print(f"diversity (1 - IoU between samples) {r['diversity']:.3f}; {r['seconds']:.3f} s a sample")
    if a.sheet:
        pick = [b * a.cases + i for i in range(6) for b in range(4)]
        sheet(d, r["samples"], pick, a.sheet)


if __name__ == "__main__":
    main()

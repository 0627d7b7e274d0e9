"""Trains the promptable segmenter on the CPU, within a given number of minutes.

    python train.py --data objects.npz,emoji.npz --backgrounds backgrounds.npz --out RUN --minutes 15 [--resume]

RUN holds last.pt (everything that an exact continuation needs) and log.jsonl.
"""

import argparse
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from scenes import choose, correct, prompts, scenes  # noqa: I001  (puts ../complete on the path)
from compose import load_pack, make_bank
from net import Segmenter


def lr_at(progress: float, step: int, peak: float) -> float:
    """Warm-up over 60 steps, flat until 30 % of the time, then cosine down to 1 %."""
    p = min(1.0, max(0.0, (progress - 0.3) / 0.7))
    return peak * min(1.0, (step + 1) / 60) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * p)))


def objective(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Cross-entropy over pixels plus one minus the soft IoU, so that small objects count."""
    p = torch.sigmoid(logits)
    inter, union = (p * target).sum((1, 2)), (p + target - p * target).sum((1, 2))
    # pixels of and near the object carry as much as the rest of the frame
    pixel = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    near = F.interpolate(F.max_pool2d(F.max_pool2d(target[:, None], 4), 5, 1, 2), scale_factor=4.0)[:, 0]
    ce = pixel.mean((1, 2)) + (pixel * near).sum((1, 2)) / near.sum((1, 2)).clamp(min=16)
    return (0.5 * ce + 1 - (inter + 1) / (union + 1)).mean()


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", required=True)
    ap.add_argument("--data-weights", default="")
    ap.add_argument("--backgrounds", required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--minutes", type=float, required=True)
    ap.add_argument("--resume", action="store_true")
    ap.add_argument("--scenes", type=int, default=16)
    ap.add_argument("--per-scene", type=int, default=2)
    ap.add_argument("--lr", type=float, default=1e-3)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--threads", type=int, default=2)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)
    packs = load_pack(a.data, (0,))
    weights = [float(w) for w in a.data_weights.split(",")] if a.data_weights else [1.0] * len(packs)
    bank = make_bank(packs, weights, np.load(a.backgrounds)["rgb"], 900, a.seed)

    model = Segmenter()
    ema = Segmenter()
    ema.load_state_dict(model.state_dict())
    opt = torch.optim.AdamW(model.parameters(), lr=a.lr, betas=(0.9, 0.99), weight_decay=0.01)
    g = torch.Generator().manual_seed(a.seed + 1)
    step, spent = 0, 0.0
    last = a.out / "last.pt"
    if a.resume and last.exists():
        s = torch.load(last, weights_only=True)
        model.load_state_dict(s["model"])
        ema.load_state_dict(s["ema"])
        opt.load_state_dict(s["opt"])
        g.set_state(s["rng"])
        step, spent = s["step"], s["spent"]

    def checkpoint() -> None:
        torch.save({"model": model.state_dict(), "ema": ema.state_dict(), "opt": opt.state_dict(), "rng": g.get_state(), "step": step,
                    "spent": spent, "config": model.config}, last.with_suffix(".tmp"))
        os.replace(last.with_suffix(".tmp"), last)

    log = open(a.out / "log.jsonl", "a")
    since, running, hits, saved = time.time(), 0.0, 0.0, time.time()
    while spent < a.minutes * 60:
        lr = lr_at(spent / (a.minutes * 60), step, a.lr)
        for group in opt.param_groups:
            group["lr"] = lr
        image, target, _ = choose(g, *scenes(bank, g, a.scenes), a.per_scene)
        prompt = prompts(g, target)
        if step > 150 and torch.rand((), generator=g) < 0.3:
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                logits = model(image, prompt).float()
            prompt = correct(g, prompt, target, logits)
        with torch.autocast("cpu", torch.bfloat16):
            logits = model(image, prompt)
        logits = logits.float()[:, 0]
        loss = objective(logits, target)
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        decay = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for p, q in zip(ema.parameters(), model.parameters()):
                p.lerp_(q, 1 - decay)
            guess, true = logits > 0, target > 0.5
            hits += ((guess & true).sum((1, 2)) / (guess | true).sum((1, 2)).clamp(min=1)).mean().item()
        step += 1
        running += loss.item()
        if step % 50 == 0:
            now = time.time()
            spent += now - since
            line = json.dumps({"step": step, "minutes": round(spent / 60, 2), "loss": round(running / 50, 4), "iou": round(hits / 50, 4),
                               "lr": round(lr, 6), "per_s": round(50 * a.scenes * a.per_scene / (now - since), 1)})
            log.write(line + "\n")
            log.flush()
            print(line, flush=True)
            since, running, hits = now, 0.0, 0.0
            if now - saved > 120:
                checkpoint()
                saved = time.time()
    checkpoint()


if __name__ == "__main__":
    main()

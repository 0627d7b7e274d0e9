"""Trains the completion denoiser on the CPU, within a given number of minutes.

    python train.py --data objects.npz,emoji.npz --backgrounds backgrounds.npz --out RUN --minutes 40 [--resume]

The learning rate follows the time that has passed, so the run ends where it was told to. RUN holds last.pt (everything that
an exact continuation needs), log.jsonl and pictures of the fixed validation cases. `--resume` goes on from last.pt; with
`--minutes` larger than what has been spent, with other data too.
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
from PIL import Image

from compose import BANDS, completion_batch, load_pack, make_bank
from model import TIMESTEPS, Denoiser, cosine_alphas_cumprod
from sample import sample


def lr_at(progress: float, step: int, peak: float) -> float:
    """Warm-up over 100 steps, flat until 35 % of the time, then cosine down to 2 %."""
    warm = min(1.0, (step + 1) / 100)
    p = max(0.0, (progress - 0.35) / 0.65)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, p))))


def save_atomically(obj: object, path: Path) -> None:
    tmp = path.with_suffix(".tmp")
    torch.save(obj, tmp)
    os.replace(tmp, path)


def picture(cond: torch.Tensor, x0: torch.Tensor, samples: list[torch.Tensor], path: Path) -> None:
    """One row a case: photo, visible part, truth, samples; each with its alpha under the colours on grey."""
    cells = [cond[:, 4:7], cond[:, :3], *[x[:, :3] for x in [x0, *samples]], *[x[:, 3:].expand(-1, 3, -1, -1) for x in [x0, *samples]]]
    rows = torch.cat(cells, 3).permute(0, 2, 3, 1).reshape(len(cond) * cond.shape[2], -1, 3)
    Image.fromarray(((rows + 1) * 127.5).clamp(0, 255).byte().numpy()).save(path)


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", required=True, help="packs of cut-outs, comma-separated .npz")
    ap.add_argument("--data-weights", default="", help="how often each pack provides the target, comma-separated")
    ap.add_argument("--backgrounds", required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--minutes", type=float, required=True)
    ap.add_argument("--resume", action="store_true")
    ap.add_argument("--init", type=Path, help="start from the weights of an older checkpoint; inputs that it lacked start at zero")
    ap.add_argument("--batch", type=int, default=32)
    ap.add_argument("--lr", type=float, default=6e-4)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--threads", type=int, default=2)
    ap.add_argument("--checkpoint-minutes", type=float, default=3)
    a = ap.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(a.seed)
    a.out.mkdir(parents=True, exist_ok=True)

    backgrounds = np.load(a.backgrounds)["rgb"]
    def bank(splits: tuple[int, ...]):
        packs = load_pack(a.data, splits)
        weights = [float(w) for w in a.data_weights.split(",")] if a.data_weights else [float(len(np.unique(p["id"]))) for p in packs]
        return make_bank(packs, weights, backgrounds, 900, a.seed)

    held = bank((1,))
    vg = torch.Generator().manual_seed(1234)
    parts = [completion_batch(held, vg, 16, augment=False, band=band) for band in BANDS]
    val = {k: torch.cat([p[k] for p in parts]) for k in ("x0", "cond")}
    val_noise = torch.randn(64, 4, 64, 64, generator=vg)
    val_t = torch.linspace(20, 999, 64)[torch.randperm(64, generator=vg)].round()
    del held
    train = bank((0,))

    model = Denoiser(stem=24, widths=(48, 96, 192))
    if a.init:
        old = torch.load(a.init, weights_only=True)["ema"]
        stem = torch.zeros_like(model.stem.weight)
        stem[:, : old["stem.weight"].shape[1]] = old["stem.weight"]
        model.load_state_dict(old | {"stem.weight": stem})
    ema = Denoiser(**model.config)
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

    abar = cosine_alphas_cumprod().float()
    log = open(a.out / "log.jsonl", "a")

    def note(**kv: object) -> None:
        line = json.dumps(kv)
        log.write(line + "\n")
        log.flush()
        print(line, flush=True)

    def checkpoint() -> None:
        save_atomically({"model": model.state_dict(), "ema": ema.state_dict(), "opt": opt.state_dict(), "rng": g.get_state(),
                         "step": step, "spent": spent, "config": model.config}, last)

    def validate() -> None:
        ema.eval()
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            ab = abar[val_t.long()][:, None, None, None]
            v = ema(ab.sqrt() * val["x0"] + (1 - ab).sqrt() * val_noise, val["cond"], val_t).float()
            loss = F.mse_loss(v, ab.sqrt() * val_noise - (1 - ab).sqrt() * val["x0"]).item()
            i = torch.arange(0, 64, 4)
            shown = [sample(ema, val["cond"][i], steps=10, eta=0.0, guidance=1.5, seed=s) for s in (0, 1)]
        inter = ((shown[0][:, 3] > 0) & (val["x0"][i, 3] > 0)).sum((1, 2))
        union = ((shown[0][:, 3] > 0) | (val["x0"][i, 3] > 0)).sum((1, 2))
        note(step=step, minutes=round(spent / 60, 2), val=round(loss, 5), iou=round((inter / union.clamp(min=1)).mean().item(), 4))
        picture(val["cond"][i], val["x0"][i], shown, a.out / "val.png")

    total = a.minutes * 60
    since, since_steps, running, last_saved = time.time(), 0, 0.0, time.time()
    while spent < total:
        lr = lr_at(spent / total, step, a.lr)
        for group in opt.param_groups:
            group["lr"] = lr
        d = completion_batch(train, g, a.batch)
        keep = d["ok"]
        x0, cond = d["x0"][keep], d["cond"][keep]
        b = len(x0)
        cond = cond * (torch.rand(b, 1, 1, 1, generator=g) >= 0.1)
        # more often noisy than not: what is hidden is decided there
        t = (TIMESTEPS * torch.rand(b, generator=g) ** 0.7).long().clamp(max=TIMESTEPS - 1)
        ab = abar[t][:, None, None, None]
        noise = torch.randn(x0.shape, generator=g)
        xt = ab.sqrt() * x0 + (1 - ab).sqrt() * noise
        with torch.autocast("cpu", torch.bfloat16):
            v = model(xt, cond, t.float())
        target = ab.sqrt() * noise - (1 - ab).sqrt() * x0
        # plain v weighting; where something is in front counts four times. That depends on the scene and not on the answer, so
        # it shifts effort and not the distribution that is learned.
        weight = 1 + 3 * d["covered"][keep]
        loss = (weight * (v.float() - target) ** 2).mean()
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        decay = min(0.9985, (1 + step) / (10 + step))
        with torch.no_grad():
            for p, q in zip(ema.parameters(), model.parameters()):
                p.lerp_(q, 1 - decay)
        step += 1
        running += loss.item()
        since_steps += 1
        if since_steps == 50:
            now = time.time()
            spent += now - since
            note(step=step, minutes=round(spent / 60, 2), loss=round(running / 50, 5), lr=round(lr, 6), per_s=round(50 * a.batch / (now - since), 1))
            since, since_steps, running = now, 0, 0.0
            if now - last_saved > a.checkpoint_minutes * 60:
                checkpoint()
                validate()
                last_saved = since = time.time()
    checkpoint()
    validate()


if __name__ == "__main__":
    main()

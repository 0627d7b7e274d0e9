"""Trains the layered body: python train.py --data PACK.npz --out DIR --minutes N [--resume]

PACK.npz is `layers.npz` of models/data. Writes DIR/last.pt (everything that a resume needs) and DIR/log.jsonl.
"""
import argparse
import copy
import json
import math
import os
import time

import torch
import torch.nn.functional as F

from model import Layers
from pack import Views


def augment(rgba, back_rgb, g):
    """One colour change for both sides; edge and blur noise on the input only. rgba is straight."""
    b = len(rgba)
    u = lambda *s: torch.rand(*s, generator=g)
    rgb, alpha = rgba[:, :3], rgba[:, 3:]
    order = torch.stack([torch.randperm(3, generator=g) if u(1) < 0.3 else torch.arange(3) for _ in range(b)])
    pick = order[:, :, None, None].expand(-1, -1, *rgb.shape[2:])
    gain = (1 + (u(b, 1, 1, 1) - 0.5) * 0.5) * (1 + (u(b, 3, 1, 1) - 0.5) * 0.3)
    gamma = torch.exp((u(b, 1, 1, 1) - 0.5) * 0.6)
    change = lambda c: (c.gather(1, pick).clamp(0, 1) ** gamma * gain).clamp(0, 1)
    rgb, back_rgb = change(rgb), change(back_rgb)
    # What comes from the completion model is softer and its alpha less exact than a rendering.
    blur = F.avg_pool2d(F.pad(rgb * alpha, (1, 1, 1, 1)), 3, 1) / F.avg_pool2d(F.pad(alpha, (1, 1, 1, 1)), 3, 1).clamp_min(1e-3)
    rgb = torch.where(u(b, 1, 1, 1) < 0.3, torch.where(alpha > 1e-3, blur, rgb).clamp(0, 1), rgb)
    soft = F.avg_pool2d(F.pad(alpha, (1, 1, 1, 1)), 3, 1)
    noise = F.interpolate(torch.randn(b, 1, 12, 12, generator=g), size=alpha.shape[-2:], mode="bilinear", align_corners=False)
    rough = ((soft - 0.5 + noise * 0.2 * u(b, 1, 1, 1) + (u(b, 1, 1, 1) - 0.6) * 0.3) * 6 + 0.5).clamp(0, 1)
    alpha = torch.where(u(b, 1, 1, 1) < 0.3, rough, alpha)
    rgb = rgb + torch.randn(rgb.shape, generator=g) * 0.02 * u(b, 1, 1, 1)
    return torch.cat([rgb.clamp(0, 1), alpha], 1), back_rgb


def losses(out, front, back, back_rgb, mask):
    area = mask.sum().clamp_min(1)
    dx, dy = lambda t: t[..., 1:] - t[..., :-1], lambda t: t[..., 1:, :] - t[..., :-1, :]
    mx, my = mask[..., 1:] * mask[..., :-1], mask[..., 1:, :] * mask[..., :-1, :]
    l_depth = l_slope = 0
    for got, want in ((out[:, :1], front), (out[:, 1:2], back)):
        l_depth = l_depth + ((got - want).abs() * mask).sum() / area
        l_slope = l_slope + ((dx(got) - dx(want)).abs() * mx).sum() / area + ((dy(got) - dy(want)).abs() * my).sum() / area
    l_colour = ((out[:, 2:] - back_rgb).abs() * mask).sum() / area / 3
    return l_depth, l_slope, l_colour


@torch.no_grad()
def validate(model, views, size, limit=256):
    model.eval()
    totals = torch.zeros(3)
    index = views.keep[torch.linspace(0, len(views.keep) - 1, min(limit, len(views.keep))).long()]
    for part in index.split(64):
        rgba, front, back, back_rgb, _, _ = views.crop(part, size)
        out = model(rgba, views.elevation[part])
        totals += torch.stack(losses(out, front, back, back_rgb, (rgba[:, 3:] > 0.5).float())) * len(part)
    model.train()
    return (totals / len(index)).tolist()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--fp32", action="store_true", help="no bf16 autocast")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    os.makedirs(args.out, exist_ok=True)
    g = torch.Generator().manual_seed(1)
    train, val = Views(args.data, [0]), Views(args.data, [1])
    model = Layers(size=args.size).to(memory_format=torch.channels_last)
    ema = copy.deepcopy(model)
    decay, no_decay = [p for p in model.parameters() if p.ndim > 1], [p for p in model.parameters() if p.ndim <= 1]
    optimiser = torch.optim.AdamW([{"params": decay, "weight_decay": 0.02}, {"params": no_decay, "weight_decay": 0.0}], lr=args.lr, betas=(0.9, 0.98))
    step, spent, path = 0, 0.0, os.path.join(args.out, "last.pt")
    if args.resume and os.path.exists(path):
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"]); ema.load_state_dict(state["ema"]); optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
        g.set_state(state["generator"])

    def save():
        torch.save({"model": model.state_dict(), "ema": ema.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent": spent, "generator": g.get_state(), "size": args.size}, path + ".part")
        os.replace(path + ".part", path)

    log = open(os.path.join(args.out, "log.jsonl"), "a")
    sums, saved, last = torch.zeros(3), time.time(), time.time()
    while spent < args.minutes * 60:
        progress = spent / (args.minutes * 60)
        rate = args.lr * min(1, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimiser.param_groups:
            group["lr"] = rate
        index = train.keep[torch.randint(len(train.keep), (args.batch,), generator=g)]
        zoom = train.zoom[index] * torch.exp((torch.rand(args.batch, generator=g) - 0.5) * 0.12)
        shift = (torch.rand(args.batch, 2, generator=g) - 0.5) * 0.08 / zoom[:, None]
        rgba, front, back, back_rgb, _, _ = train.crop(index, args.size, zoom, shift, torch.rand(args.batch, generator=g) < 0.5)
        mask = (rgba[:, 3:] > 0.5).float()
        rgba, back_rgb = augment(rgba, back_rgb, g)
        elevation = train.elevation[index] + torch.randn(args.batch, generator=g) * 0.05
        with torch.autocast("cpu", torch.bfloat16, enabled=not args.fp32):
            out = model(rgba.contiguous(memory_format=torch.channels_last), elevation)
        parts = losses(out, front, back, back_rgb, mask)
        (parts[0] + 0.5 * parts[1] + 0.7 * parts[2]).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        keep = min(0.998, (1 + step) / (10 + step))
        with torch.no_grad():
            for a, b in zip(ema.parameters(), model.parameters()):
                a.lerp_(b, 1 - keep)
        sums += torch.stack([p.detach() for p in parts])
        step += 1
        now = time.time()
        spent, last = spent + now - last, now
        if step % 50 == 0:
            line = {"step": step, "spent": round(spent), "rate": rate, "train": [round(v, 4) for v in (sums / 50).tolist()]}
            if step % 400 == 0:
                line["val"] = [round(v, 4) for v in validate(ema, val, args.size)]
            print(json.dumps(line), file=log, flush=True)
            sums.zero_()
        if now - saved > 60:
            save()
            saved = now
    save()
    print(json.dumps({"step": step, "spent": round(spent), "samples": step * args.batch, "val": validate(ema, val, args.size, 10**6)}), file=log, flush=True)


if __name__ == "__main__":
    main()

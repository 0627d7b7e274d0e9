"""python train_denoiser.py --packs DIR --bodies FILE.npz[,FILE.npz...] --out DIR --minutes N [--resume]

One object a step (16 views). The loss is the mean square error of the clean views at a random, high noise level, alpha counted twice.
"""
import argparse
import copy
import json
import math
import os
import time

import numpy as np
import torch

from denoiser import Denoiser, alphas_cumprod, encode_picture

# Noise so low that the truth shows through teaches nothing that inference can use: it starts from noise and the body, not from the truth.
MIN_T, MAX_T, ALL_NOISE = 500, 999, 0.4


class Sets:
    def __init__(self, packs, bodies, splits):
        parts = [np.load(f) for f in bodies]
        split = np.concatenate([p["split"] for p in parts])
        rows = np.isin(split, splits)
        self.body, self.image, self.row, self.step = (torch.from_numpy(np.concatenate([p[k] for p in parts])[rows]) for k in ("body", "image", "row", "step"))
        self.rig = torch.from_numpy(np.load(os.path.join(packs, "rig.npz"))["rgba"])

    def get(self, i):
        """body, truth [16,4,64,64] and image [4,64,64], straight RGBA in [0,1]."""
        picture = lambda x: x.movedim(-1, -3).float() / 255
        truth = self.rig[int(self.row[i])].roll(-int(self.step[i]), 0)
        return picture(self.body[i]), picture(truth), picture(self.image[i])


def mirror(x):
    """The mirrored object's views: azimuth a becomes -a and every picture is flipped."""
    return x.flip(-1)[(-torch.arange(16)) % 16] if x.ndim == 4 else x.flip(-1)


@torch.no_grad()
def validate(model, data, abar, count=24):
    model.eval()
    g = torch.Generator().manual_seed(5)
    totals = np.zeros(3)
    for n, i in enumerate(torch.linspace(0, len(data.row) - 1, count).long().tolist()):
        body, truth, image = (encode_picture(x) for x in data.get(i))
        t = [999, 999, 800][n % 3]
        noisy = abar[t].sqrt() * truth + (1 - abar[t]).sqrt() * torch.randn(truth.shape, generator=g)
        out = model(noisy[None], body[None], image[None], torch.tensor([float(t)]))[0].clamp(-1, 1)
        a, b = out[:, 3] > 0, truth[:, 3] > 0
        totals += [((out - truth) ** 2).mean().item(), ((body - truth) ** 2).mean().item(), ((a & b).flatten(1).sum(1) / (a | b).flatten(1).sum(1).clamp_min(1)).mean().item()]
    model.train()
    return [round(v, 4) for v in totals / count]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packs", required=True)
    parser.add_argument("--bodies", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--batch", type=int, default=2, help="objects a step")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    os.makedirs(args.out, exist_ok=True)
    bodies = args.bodies.split(",")
    train, val = Sets(args.packs, bodies, [0]), Sets(args.packs, bodies, [1])
    abar = alphas_cumprod()
    model = Denoiser()
    ema = copy.deepcopy(model)
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    g = torch.Generator().manual_seed(1)
    step, spent, path = 0, 0.0, os.path.join(args.out, "last.pt")
    if args.resume and os.path.exists(path):
        state = torch.load(path, weights_only=True)
        model.load_state_dict(state["model"]); ema.load_state_dict(state["ema"]); optimiser.load_state_dict(state["optimiser"])
        step, spent = state["step"], state["spent"]
        g.set_state(state["generator"])

    def save():
        torch.save({"model": model.state_dict(), "ema": ema.state_dict(), "optimiser": optimiser.state_dict(), "step": step, "spent": spent, "generator": g.get_state()}, path + ".part")
        os.replace(path + ".part", path)

    log = open(os.path.join(args.out, "log.jsonl"), "a")
    total, saved, last = 0.0, time.time(), time.time()
    while spent < args.minutes * 60:
        rate = args.lr * min(1, (step + 1) / 60) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * spent / (args.minutes * 60))))
        for group in optimiser.param_groups:
            group["lr"] = rate
        for _ in range(args.batch):
            body, truth, image = train.get(int(torch.randint(len(train.row), (1,), generator=g)))
            if torch.rand(1, generator=g) < 0.5:
                body, truth, image = mirror(body), mirror(truth), mirror(image)
            order = torch.randperm(3, generator=g).tolist() if torch.rand(1, generator=g) < 0.3 else [0, 1, 2]
            gain, gamma = 1 + (torch.rand(3, 1, 1, generator=g) - 0.5) * 0.4, math.exp((float(torch.rand(1, generator=g)) - 0.5) * 0.5)
            change = lambda x: torch.cat([(x[..., order, :, :] ** gamma * gain).clamp(0, 1), x[..., 3:, :, :]], -3)
            body, truth, image = (encode_picture(change(x)) for x in (body, truth, image))
            t = MAX_T if torch.rand(1, generator=g) < ALL_NOISE else int(torch.randint(MIN_T, MAX_T, (1,), generator=g))
            noisy = abar[t].sqrt() * truth + (1 - abar[t]).sqrt() * torch.randn(truth.shape, generator=g)
            with torch.autocast("cpu", torch.bfloat16):
                out = model(noisy[None], body[None], image[None], torch.tensor([float(t)]))[0]
            error = (out - truth) ** 2
            loss = error[:, :3].mean() + 0.67 * error[:, 3:].mean()
            (loss / args.batch).backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        step += 1
        keep = min(0.997, (1 + step) / (10 + step))
        with torch.no_grad():
            for a, b in zip(ema.parameters(), model.parameters()):
                a.lerp_(b, 1 - keep)
        now = time.time()
        spent, last = spent + now - last, now
        if step % 50 == 0:
            line = {"step": step, "spent": round(spent), "loss": round(total / 50 / args.batch, 4)}
            if step % 250 == 0:
                line["val [mse, body's mse, IoU]"] = validate(ema, val, abar)
            print(json.dumps(line), file=log, flush=True)
            total = 0.0
        if now - saved > 60:
            save()
            saved = now
    save()
    print(json.dumps({"step": step, "spent": round(spent), "objects": step * args.batch, "val [mse, body's mse, IoU]": validate(ema, val, abar, 60)}), file=log, flush=True)


if __name__ == "__main__":
    main()

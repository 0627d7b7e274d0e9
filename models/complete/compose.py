"""Whole-part pairs on the fly: a cut-out object over a background, partly hidden by others. Batched torch on any device.

    python compose.py --data complete.pack --out sheet.png        pairs to look at, and how many a second
"""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Dict, Optional, Tuple

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.bank import Bank, make_bank  # noqa: E402
from common.device import open_machine  # noqa: E402
from common.layers import (  # noqa: E402
    FAR, Placed, background, blur, draw, draw_low, over, photo_effects, pick, place, rand, randn, shadow, uniform,
)
from common.pictures import save_picture  # noqa: E402

BANDS = ((0.0, 0.2), (0.2, 0.4), (0.4, 0.6), (0.6, 0.8))  # hidden share of the object's area
CROP = (1.6, 2.6)  # sides of the crop, in longest sides of the visible part
VIEW = 1.3  # half side of the frame in which scenes are planned; the target's box has a half side of 1
PLAN = 52  # pixels of that plan


def place_to_cover(bank: Bank, g: torch.Generator, target: Placed, occluder: Placed, ratio: torch.Tensor) -> None:
    """Slides the occluder along a random direction until about `ratio` [B] of the target's area is hidden."""
    b, n, size = len(ratio), 12, 28
    direction = uniform(g, b, -math.pi, math.pi)
    across = 0.35 * randn(g, b)
    d = torch.linspace(0, 1, n, device=g.device)[None] * (1.1 + occluder.scale)[:, None]
    cx = torch.cos(direction)[:, None] * d - (torch.sin(direction) * across)[:, None]
    cy = torch.sin(direction)[:, None] * d + (torch.cos(direction) * across)[:, None]
    many = occluder.repeat(n)
    many.centre = torch.stack([cx, cy], -1).reshape(-1, 2)
    zero, half = torch.zeros(b * n, 2, device=g.device), torch.full((b * n,), VIEW, device=g.device)
    alpha = draw_low(bank, many, zero, half, size).reshape(b, n, -1)
    t = draw_low(bank, target, zero[:b], half[:b], size).reshape(b, 1, -1)
    hidden = (alpha * t).sum(-1) / t.sum(-1).clamp(min=1e-3)
    best = (hidden - ratio[:, None]).abs().argmin(1)
    occluder.centre = many.centre.reshape(b, n, 2).gather(1, best[:, None, None].expand(-1, 1, 2))[:, 0]


def photo_borders(g: torch.Generator, b: int) -> torch.Tensor:
    """[B,4] left, top, right, bottom in scene units; each cuts the scene with a chance of 9 %."""
    outward = torch.tensor([-1.0, -1.0, 1.0, 1.0], device=g.device)
    near = rand(g, b, 4) * 1.45 + 0.35
    return outward * torch.where(rand(g, b, 4) < 0.09, near, torch.full_like(near, FAR))


def inside_borders(edges: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """bool [B,H,W]: which of the places x [B or 1,W], y [B or 1,H] lie within the photo."""
    across, down = (x > edges[:, :1]) & (x < edges[:, 2:3]), (y > edges[:, 1:2]) & (y < edges[:, 3:4])
    return down[:, :, None] & across[:, None]


def visible_box(solid: torch.Tensor, axis: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Centre [B,2] and longest side [B] of what is solid [B,PLAN,PLAN], in scene units."""
    low, high = [], []
    for present in (solid.any(1), solid.any(2)):
        at = axis.expand_as(present)
        low.append((at.masked_fill(~present, 1e9).amin(1) - VIEW / PLAN).clamp(-VIEW, VIEW))
        high.append((at.masked_fill(~present, -1e9).amax(1) + VIEW / PLAN).clamp(-VIEW, VIEW))
    first, last = torch.stack(low, 1), torch.stack(high, 1)
    return (first + last) / 2, (last - first).amax(1)


def rough_mask(g: torch.Generator, mask: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Segmenters are not exact: the mask's edge [B,1,S,S] moved by a smooth random field on 40 % of the samples, made hard on 20 %."""
    b, size = len(mask), mask.shape[-1]
    field = F.interpolate(randn(g, b, 1, 8, 8), size=(size, size), mode="bicubic", align_corners=False)
    bias = 0.12 * randn(g, b, 1, 1, 1)
    soft = blur(mask, max(1, size // 64))
    rough = torch.sigmoid((soft - 0.5 + bias + 0.15 * field) * 12) * (soft > 0.02)
    kind = rand(g, b, 1, 1, 1)
    return torch.where(kind < 0.4, rough * valid, torch.where(kind < 0.6, (mask > 0.5).float(), mask))


def completion_batch(bank: Bank, g: torch.Generator, batch: int, size: int = 64, augment: bool = True,
                     band: Optional[Tuple[float, float]] = None, crop: Tuple[float, float] = CROP) -> Dict[str, torch.Tensor]:
    """x0 [B,4,S,S], cond [B,8,S,S] as the denoiser takes them, hidden [B] (the hidden share of the object's area), visible
    and covered [B,1,S,S]: the exact visible mask, and where something is in front or the photo ends; ok bool [B]: enough is
    visible, and the share is within the band; index int64 [B]: the bank's row of each object. The crop's side is the visible part's longest
    times a number within `crop`, 2 without augmentation. A third more is planned than drawn, so that nearly all are ok."""
    b = batch + max(4, batch // 3)
    device = g.device
    # 1. a scene: target, two occluders, one behind
    target = place(g, pick(bank, g, b), (1, 1), 0.26)
    lo, hi = band or (0.0, 0.8)
    first = place(g, pick(bank, g, b, 0.45), (0.5, 1.7), 0.5)
    place_to_cover(bank, g, target, first, uniform(g, b, lo, hi))
    if band is None:  # sometimes nothing is in front
        first.absent(rand(g, b) < 0.06)
    second = place(g, pick(bank, g, b, 0.45), (0.3, 1.0), 0.5)
    place_to_cover(bank, g, target, second, uniform(g, b, 0.02, 0.2))
    second.absent(rand(g, b) > 0.25)
    behind = place(g, pick(bank, g, b, 0.2), (0.4, 1.6), 0.5)
    away, far = uniform(g, b, -math.pi, math.pi), uniform(g, b, 0.5, 2.2)
    behind.centre = torch.stack([torch.cos(away) * far, torch.sin(away) * far], 1)
    behind.absent(rand(g, b) > 0.45)
    edges = photo_borders(g, b)

    # 2. what of it is visible, in the plan; the first `batch` good scenes
    zero, half = torch.zeros(b, 2, device=device), torch.full((b,), VIEW, device=device)
    t = draw_low(bank, target, zero, half, PLAN)
    seen = t * (1 - draw_low(bank, first, zero, half, PLAN)) * (1 - draw_low(bank, second, zero, half, PLAN))
    axis = ((torch.arange(PLAN, device=device) + 0.5) / PLAN * 2 - 1)[None] * VIEW
    seen = seen * inside_borders(edges, axis, axis)
    hidden = 1 - seen.sum((1, 2)) / t.sum((1, 2)).clamp(min=1e-3)
    solid = seen > 0.5
    ok = (solid.sum((1, 2)) >= 12) & (hidden <= 0.86)
    if band is not None:
        ok &= (hidden >= lo) & (hidden < hi)
    order = torch.sort((~ok).int(), stable=True).indices[:batch]
    target, first, second, behind = (p.select(order) for p in (target, first, second, behind))
    edges, solid, hidden, ok = edges[order], solid[order], hidden[order], ok[order]
    b = batch

    # 3. the crop: centred on the visible part
    centre, longest = visible_box(solid, axis)
    factor = uniform(g, b, *crop) if augment else torch.full((b,), 2.0, device=device)
    half = longest.clamp(min=0.15) * factor / 2

    # 4. the picture at twice the size; contact shadows fall on whatever is behind their caster
    fine = 2 * size
    whole = draw(bank, target, centre, half, fine)
    front, beside, back = (draw(bank, p, centre, half, fine) for p in (first, second, behind))
    photo = over(back, background(bank, g, b, fine))
    soft = shadow(g, torch.cat([whole[:, 3:], front[:, 3:]], 1), 5 * size // 64, 6 * size // 64)
    strength = (rand(g, b, 2) * 0.9 - 0.3).clamp(min=0)[:, :, None, None]
    photo = photo * (1 - strength[:, :1] * soft[:, :1])
    photo = over(whole, photo) * (1 - strength[:, 1:] * soft[:, 1:])
    photo = over(beside, over(front, photo))
    clear = (1 - front[:, 3:]) * (1 - beside[:, 3:])
    photo, mask, whole, clear = (F.avg_pool2d(a, 2) for a in (photo, whole[:, 3:] * clear, whole, clear))

    # 5. what the network is given, and what it should answer
    pixel = ((torch.arange(size, device=device) + 0.5) / size * 2 - 1)[None] * half[:, None]
    valid = inside_borders(edges, centre[:, :1] + pixel, centre[:, 1:] + pixel)[:, None].float()
    exact = mask = mask * valid
    covered = torch.maximum(1 - clear, 1 - valid)
    if augment:
        photo = photo_effects(g, photo)
        mask = rough_mask(g, mask, valid)
    rgb = (photo * 2 - 1) * valid
    x0 = torch.cat([whole[:, :3] * 2 - whole[:, 3:], whole[:, 3:] * 2 - 1], 1)
    cond = torch.cat([rgb * mask, mask, rgb, valid], 1)
    return {"x0": x0, "cond": cond, "hidden": hidden, "ok": ok, "visible": exact, "covered": covered, "index": target.index}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    machine = open_machine(args.device)
    bank = make_bank(load_arrays(args.data), (0,), machine.device, 600, args.seed)
    g = machine.generator(args.seed)
    completion_batch(bank, g, 64, args.size)
    machine.wait()
    start = time.time()
    for _ in range(3):
        d = completion_batch(bank, g, 64, args.size)
    machine.wait()
    print(f"{3 * 64 / (time.time() - start):.0f} pairs a second, accepted {d['ok'].float().mean():.3f}")
    cells = [d["cond"][:, 4:7], d["cond"][:, :3], d["cond"][:, 3:4].expand(-1, 3, -1, -1) * 2 - 1, d["x0"][:, :3], d["x0"][:, 3:].expand(-1, 3, -1, -1)]
    rows = torch.cat(cells, 3)
    save_picture(torch.cat([torch.cat(list(rows[i::4]), 1) for i in range(4)], 2), args.out)


if __name__ == "__main__":
    main()

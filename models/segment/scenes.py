"""Scenes of several overlapping objects and the prompts a user might give for one of them."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.append(str(Path(__file__).resolve().parent.parent / "complete"))

from compose import Bank, background, blur, draw, photo_effects, pick, place, uniform  # noqa: E402

from net import CLICK_RADIUS, SIZE  # noqa: E402

LAYERS = 5


def scenes(bank: Bank, g: torch.Generator, n: int, augment: bool = True) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """image [n,3,S,S] in -1..1 (0 outside the photo), visible [n,LAYERS,S,S] 0..1, wanted [n,LAYERS] (cut-outs, not bare shapes)."""
    photo = background(bank, g, n, SIZE)
    visible = torch.zeros(n, LAYERS, SIZE, SIZE)
    wanted = torch.zeros(n, LAYERS, dtype=torch.bool)
    zero, half = torch.zeros(n, 2), torch.ones(n)
    main = torch.randint(0, LAYERS, (n,), generator=g)  # one layer is larger and near the middle, as in a photo taken of it
    for k in range(LAYERS):
        p = place(g, pick(bank, g, n, False, 0.25), (0.06, 0.9), 0.3)
        p.centre = torch.rand(n, 2, generator=g) * 2 - 1
        p.centre *= 0.9
        is_main = main == k
        p.scale = torch.where(is_main, uniform(g, n, 0.3, 0.95), p.scale)
        p.centre = torch.where(is_main[:, None], p.centre * 0.35, p.centre)
        p.centre[(torch.rand(n, generator=g) < 0.3) & ~is_main] = 50.0
        layer = draw(bank, p, zero, half, SIZE)
        a = layer[:, 3:]
        shadow = F.interpolate(blur(F.avg_pool2d(a, 8), 1), size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        shadow = torch.roll(shadow, (3, int(torch.randint(-4, 5, (1,), generator=g))), (2, 3))
        strength = (torch.rand(n, 1, 1, 1, generator=g) * 0.9 - 0.3).clamp(min=0)
        photo = layer[:, :3] + photo * (1 - strength * shadow) * (1 - a)
        visible *= 1 - a
        visible[:, k] = a[:, 0]
        wanted[:, k] = p.index < bank.objects
    if augment:
        # a light from one side, contrast, blur, noise, coarse chroma
        ramp = torch.linspace(-1, 1, SIZE)
        kx, ky = 0.15 * torch.randn(2, n, 1, 1, 1, generator=g)
        photo = (photo * (1 + kx * ramp + ky * ramp[:, None])).clamp(0, 1)
        soft = torch.rand(n, generator=g) < 0.2
        photo[soft] = F.interpolate(F.avg_pool2d(photo[soft], 2), scale_factor=2.0, mode="bilinear", align_corners=False)
        contrast = torch.exp(0.2 * torch.randn(n, 1, 1, 1, generator=g))
        photo = ((photo - 0.5) * contrast + 0.5 + 0.08 * torch.randn(n, 1, 1, 1, generator=g)).clamp(0, 1)
        photo = photo_effects(g, photo)
    # photos are seldom square: bars at two opposite sides, or at one side as in a crop over the border
    image = photo * 2 - 1
    bar = (torch.rand(n, generator=g) < 0.6).float() * uniform(g, n, 0, 0.35)
    one = torch.rand(n, generator=g) < 0.3
    axis = (torch.arange(SIZE) + 0.5) / SIZE
    keep = (axis[None] > bar[:, None]) & ((axis[None] < 1 - bar[:, None]) | one[:, None])
    keep = torch.where((torch.rand(n, generator=g) < 0.5)[:, None], keep, keep.flip(1)).float()
    upright = (torch.rand(n, generator=g) < 0.5)[:, None, None]
    inside = torch.where(upright, keep[:, None, :].expand(-1, SIZE, -1), keep[:, :, None].expand(-1, -1, SIZE))
    return image * inside[:, None], visible * inside[:, None], wanted


def choose(g: torch.Generator, image: torch.Tensor, visible: torch.Tensor, wanted: torch.Tensor, per: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """image, target [M,S,S] and the area shares, for up to `per` sufficiently visible objects of each scene."""
    area = visible.mean((2, 3))
    score = torch.where(wanted & (area > 0.003), 0.15 + area.sqrt(), torch.zeros(()))
    live = score.sum(1) > 0
    image, visible, score, area = image[live], visible[live], score[live], area[live]
    j = torch.multinomial(score, per, replacement=True, generator=g)
    first = torch.arange(len(image)).repeat_interleave(per)
    return image[first], visible[first, j.reshape(-1)], area[first, j.reshape(-1)]


def clicks_inside(g: torch.Generator, weight: torch.Tensor, n: int) -> torch.Tensor:
    """[B,n,2] x, y in pixels, drawn from weight [B,S,S]; all-zero weights give clicks nowhere (negative coordinates)."""
    flat = weight.flatten(1)
    none = flat.sum(1) <= 0
    total = flat.cumsum(1)
    i = torch.searchsorted(total, torch.rand(len(flat), n, generator=g) * total[:, -1:]).clamp(max=SIZE * SIZE - 1)
    at = torch.stack([i % SIZE, i // SIZE], -1).float() + torch.rand(*i.shape, 2, generator=g)
    at[none] = -100.0
    return at


def discs(at: torch.Tensor) -> torch.Tensor:
    """[B,S,S] of 0 and 1: pixels whose centre lies within CLICK_RADIUS of a click [B,n,2]."""
    b = len(at)
    r = int(CLICK_RADIUS) + 1
    o = torch.arange(-r, r + 1)
    px = at[..., 0].floor().long()[:, :, None, None] + o[None, None, None, :]
    py = at[..., 1].floor().long()[:, :, None, None] + o[None, None, :, None]
    hit = (px + 0.5 - at[:, :, 0, None, None]) ** 2 + (py + 0.5 - at[:, :, 1, None, None]) ** 2 <= CLICK_RADIUS**2
    hit &= (px >= 0) & (px < SIZE) & (py >= 0) & (py < SIZE)
    which = torch.arange(b)[:, None, None, None].expand_as(hit)[hit]
    out = torch.zeros(b, SIZE, SIZE)
    out[which, (py + 0 * px)[hit], (px + 0 * py)[hit]] = 1.0
    return out


def box_plane(g: torch.Generator, target: torch.Tensor, jitter: float) -> torch.Tensor:
    """[B,S,S]: 1 inside the target's bounding box, each side moved by up to `jitter` of the box's size."""
    solid = target > 0.5
    ar = torch.arange(SIZE)
    out = []
    for m in (solid.any(1), solid.any(2)):
        lo = torch.where(m, ar, SIZE).amin(1).float()
        hi = torch.where(m, ar + 1, 0).amax(1).float()
        side = (hi - lo).clamp(min=2)
        lo = lo + side * jitter * (torch.rand(len(lo), generator=g) * 2 - 1)
        hi = hi + side * jitter * (torch.rand(len(lo), generator=g) * 2 - 1)
        out.append(((ar + 0.5)[None] >= lo[:, None]) & ((ar + 0.5)[None] <= hi[:, None]))
    return (out[0][:, None, :] & out[1][:, :, None]).float()


def inner(target: torch.Tensor) -> torch.Tensor:
    """Weights for clicks: people click well inside, but not always in the middle."""
    deep = blur(target[:, None], 3)[:, 0]
    return (target > 0.6) * (deep**3 + 1e-3)


def around(target: torch.Tensor) -> torch.Tensor:
    """Weights for negative clicks: outside, mostly near."""
    near = F.max_pool2d(F.max_pool2d(target[:, None], 4), 7, 1, 3)
    near = F.interpolate(near, scale_factor=4.0)[:, 0]
    clear = F.max_pool2d(target[:, None], 5, 1, 2)[:, 0] < 0.1
    return clear * (near + 0.05)


def prompts(g: torch.Generator, target: torch.Tensor) -> torch.Tensor:
    """prompt [B,3,S,S]: 1 to 4 positive clicks, up to 3 negative ones, or a box, or both."""
    b = len(target)
    n_pos = (torch.rand(b, generator=g) ** 2 * 4).long() + 1
    n_neg = (torch.rand(b, generator=g) * 5 - 2).clamp(min=0).ceil().long()
    kind = torch.rand(b, generator=g)  # below .55 clicks, below .8 box alone, else both
    pos, neg = clicks_inside(g, inner(target), 4), clicks_inside(g, around(target), 3)
    box_only = (kind >= 0.55) & (kind < 0.8)
    n_pos, n_neg = n_pos.masked_fill(box_only, 0), n_neg.masked_fill(box_only, 0)
    pos[torch.arange(4)[None] >= n_pos[:, None]] = -100.0
    neg[torch.arange(3)[None] >= n_neg[:, None]] = -100.0
    box = box_plane(g, target, 0.08) * (kind >= 0.55)[:, None, None]
    return torch.stack([discs(pos), discs(neg), box], 1)


def correct(g: torch.Generator, prompt: torch.Tensor, target: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """The prompt with one more click, in the larger kind of error."""
    guess = (logits[:, 0] > 0).float()
    missed, extra = (target > 0.5) * (1 - guess), (target < 0.5) * guess
    more = missed.sum((1, 2)) >= extra.sum((1, 2))
    deep = lambda e: (blur(e[:, None], 2)[:, 0] ** 4) * e  # noqa: E731
    a = discs(clicks_inside(g, deep(missed), 1)) * more[:, None, None]
    b = discs(clicks_inside(g, deep(extra), 1)) * (~more)[:, None, None]
    return torch.stack([torch.maximum(prompt[:, 0], a), torch.maximum(prompt[:, 1], b), prompt[:, 2]], 1)

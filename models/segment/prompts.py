"""The prompts a user might give for an object, and the next click after a wrong answer. Batched on any device."""

from typing import Tuple

import torch
import torch.nn.functional as F

from common.bank import extent
from common.layers import blur, rand
from segment.net import CLICK_RADIUS, SIZE

NOWHERE = -100.0  # the coordinate of a click that is not there


def clicks_inside(g: torch.Generator, weight: torch.Tensor, n: int) -> torch.Tensor:
    """[B,n,2] x, y in pixels, drawn from weight [B,S,S]; all-zero weights give clicks nowhere (negative coordinates)."""
    total = weight.flatten(1).cumsum(1)
    i = torch.searchsorted(total, rand(g, len(total), n) * total[:, -1:]).clamp(max=SIZE * SIZE - 1)
    at = torch.stack([i % SIZE, torch.div(i, SIZE, rounding_mode="floor")], -1).float() + rand(g, *i.shape, 2)
    return torch.where(total[:, -1, None, None] > 0, at, torch.full_like(at, NOWHERE))


def discs(at: torch.Tensor) -> torch.Tensor:
    """[B,S,S] of 0 and 1: pixels whose centre lies within CLICK_RADIUS of a click [B,n,2]."""
    centre = torch.arange(SIZE, device=at.device) + 0.5
    dx, dy = centre - at[:, :, 0, None], centre - at[:, :, 1, None]
    return ((dx**2)[:, :, None, :] + (dy**2)[:, :, :, None] <= CLICK_RADIUS**2).any(1).float()


def box_plane(g: torch.Generator, target: torch.Tensor, jitter: float) -> torch.Tensor:
    """[B,S,S]: 1 inside the target's bounding box, each side moved by up to `jitter` of the box's size."""
    solid = target > 0.5
    centre = (torch.arange(SIZE, device=target.device) + 0.5)[None]
    planes = []
    for present in (solid.any(1), solid.any(2)):
        lo, hi = (v.float() for v in extent(present))
        side = (hi - lo).clamp(min=2)
        lo = lo + side * jitter * (rand(g, len(lo)) * 2 - 1)
        hi = hi + side * jitter * (rand(g, len(lo)) * 2 - 1)
        planes.append((centre >= lo[:, None]) & (centre <= hi[:, None]))
    return (planes[0][:, None, :] & planes[1][:, :, None]).float()


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
    """prompt [B,3,S,S]: a single click for 40 %, else 1 to 4 positive clicks and up to 3 negative ones, a box, or all of them."""
    b = len(target)
    n_pos = (rand(g, b) ** 2 * 4).long() + 1
    n_neg = (rand(g, b) * 5 - 2).clamp(min=0).ceil().long()
    kind = rand(g, b)
    single, boxed, box_only = kind < 0.4, kind >= 0.65, (kind >= 0.65) & (kind < 0.85)
    n_pos, n_neg = n_pos.masked_fill(single, 1), n_neg.masked_fill(single, 0)
    planes = []
    for weight, most, count in ((inner(target), 4, n_pos), (around(target), 3, n_neg)):
        at = clicks_inside(g, weight, most)
        there = torch.arange(most, device=g.device)[None] < count.masked_fill(box_only, 0)[:, None]
        planes.append(discs(torch.where(there[..., None], at, torch.full_like(at, NOWHERE))))
    return torch.stack([*planes, box_plane(g, target, 0.08) * boxed[:, None, None]], 1)


def one_click(g: torch.Generator, target: torch.Tensor) -> torch.Tensor:
    """prompt [B,3,S,S] with a single positive click."""
    none = torch.zeros_like(target)
    return torch.stack([discs(clicks_inside(g, inner(target), 1)), none, none], 1)


def only_box(g: torch.Generator, target: torch.Tensor) -> torch.Tensor:
    """prompt [B,3,S,S] with a box drawn by a careful hand."""
    none = torch.zeros_like(target)
    return torch.stack([none, none, box_plane(g, target, 0.03)], 1)


def next_click(g: torch.Generator, target: torch.Tensor, guess: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Where a user clicks next: [B,1,2] x, y in pixels within the larger kind of error of the mask `guess` [B,S,S] of 0 and 1, and bool [B]: positive."""
    missed, extra = (target > 0.5) * (1 - guess), (target < 0.5) * guess
    positive = missed.sum((1, 2)) >= extra.sum((1, 2))
    on_missed, on_extra = (clicks_inside(g, (blur(error[:, None], 2)[:, 0] ** 4) * error, 1) for error in (missed, extra))
    return torch.where(positive[:, None, None], on_missed, on_extra), positive


def correct(g: torch.Generator, prompt: torch.Tensor, target: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """The prompt with one more click, in the larger kind of error."""
    at, positive = next_click(g, target, (logits[:, 0] > 0).float())
    click, more = discs(at), positive[:, None, None]
    return torch.stack([torch.maximum(prompt[:, 0], click * more), torch.maximum(prompt[:, 1], click * ~more), prompt[:, 2]], 1)


def ious(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """[B] of logits [B,1,S,S] > 0 with target [B,S,S] > 0.5."""
    a, b = logits[:, 0] > 0, target > 0.5
    return (a & b).sum((1, 2)) / (a | b).sum((1, 2)).clamp(min=1)


def tint(image: torch.Tensor, mask: torch.Tensor, prompt: torch.Tensor) -> torch.Tensor:
    """image [B,3,S,S] in -1..1 with the mask [B,S,S] in green, positive clicks in white and negative ones in red."""
    def colour(r: float, g: float, b: float) -> torch.Tensor:
        return torch.tensor([r, g, b], device=image.device)[:, None, None]

    out = torch.where(mask[:, None], image * 0.45 + colour(-0.5, 0.5, -0.5), image * 0.7)
    out = torch.where(prompt[:, :1] > 0, colour(1, 1, 1), out)
    return torch.where(prompt[:, 1:2] > 0, colour(1, -1, -1), out)

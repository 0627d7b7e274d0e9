"""Scenes of several overlapping objects, batched on any device."""

from typing import Tuple

import torch
import torch.nn.functional as F

from common.bank import Bank
from common.layers import background, draw, photo_effects, pick, place, rand, randn, shadow, uniform
from segment.net import SIZE

LAYERS = 5
SMALLEST = 0.003  # share of the frame below which an object is not asked for


def scenes(bank: Bank, g: torch.Generator, n: int) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """image [n,3,S,S] in -1..1 (0 outside the photo), visible [n,LAYERS,S,S] 0..1, wanted bool [n,LAYERS] (cut-outs, not bare shapes)."""
    device = g.device
    photo = background(bank, g, n, SIZE)
    visible, wanted = [], []
    zero, half = torch.zeros(n, 2, device=device), torch.ones(n, device=device)
    main = torch.randint(0, LAYERS, (n,), generator=g, device=device)  # one layer is larger and near the middle, as in a photo taken of it
    for k in range(LAYERS):
        p = place(g, pick(bank, g, n, 0.25), (0.06, 0.9), 0.3)
        is_main = main == k
        p.scale = torch.where(is_main, uniform(g, n, 0.3, 0.95), p.scale)
        p.centre = (rand(g, n, 2) * 2 - 1) * 0.9 * torch.where(is_main, 0.35, 1.0)[:, None]
        p.absent((rand(g, n) < 0.3) & ~is_main)
        layer = draw(bank, p, zero, half, SIZE)
        a = layer[:, 3:]
        strength = (rand(g, n, 1, 1, 1) * 0.9 - 0.3).clamp(min=0)
        photo = layer[:, :3] + photo * (1 - strength * shadow(g, a, 3, 4)) * (1 - a)
        visible = [v * (1 - a) for v in visible] + [a]
        wanted.append(p.index < bank.objects)
    return (*framed(g, camera(g, photo) * 2 - 1, torch.cat(visible, 1)), torch.stack(wanted, 1))


def camera(g: torch.Generator, photo: torch.Tensor) -> torch.Tensor:
    """A light from one side, softness, contrast, and what cameras do. photo [n,3,S,S] in 0..1."""
    n = len(photo)
    ramp = torch.linspace(-1, 1, SIZE, device=g.device)
    kx, ky = 0.15 * randn(g, 2, n, 1, 1, 1)
    photo = (photo * (1 + kx * ramp + ky * ramp[:, None])).clamp(0, 1)
    soft = F.interpolate(F.avg_pool2d(photo, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    photo = torch.where(rand(g, n, 1, 1, 1) < 0.2, soft, photo)
    contrast = torch.exp(0.2 * randn(g, n, 1, 1, 1))
    return photo_effects(g, ((photo - 0.5) * contrast + 0.5 + 0.08 * randn(g, n, 1, 1, 1)).clamp(0, 1))


def framed(g: torch.Generator, image: torch.Tensor, visible: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Photos are seldom square: zeros in bars at two opposite sides, or at one side as in a crop over the border."""
    n = len(image)
    bar = (rand(g, n) < 0.6).float() * uniform(g, n, 0, 0.35)
    one = rand(g, n) < 0.3
    axis = (torch.arange(SIZE, device=g.device) + 0.5) / SIZE
    keep = (axis[None] > bar[:, None]) & ((axis[None] < 1 - bar[:, None]) | one[:, None])
    keep = torch.where((rand(g, n) < 0.5)[:, None], keep, keep.flip(1)).float()
    inside = torch.where((rand(g, n) < 0.5)[:, None, None], keep[:, None, :].expand(-1, SIZE, -1), keep[:, :, None].expand(-1, -1, SIZE))
    return image * inside[:, None], visible * inside[:, None]


def choose(g: torch.Generator, image: torch.Tensor, visible: torch.Tensor, wanted: torch.Tensor,
           per: int) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """image, target [M,S,S], area share [M] and ok bool [M] for `per` objects of each scene, larger ones more often. Not ok: the scene has
    no sufficiently visible object."""
    area = visible.mean((2, 3))
    running = torch.where(wanted & (area > SMALLEST), 0.15 + area.sqrt(), torch.zeros_like(area)).cumsum(1)
    total = running[:, -1:]
    j = torch.searchsorted(running, rand(g, len(image), per) * total, right=True).clamp(max=LAYERS - 1).reshape(-1)
    scene = torch.arange(len(image), device=g.device).repeat_interleave(per)
    return image[scene], visible[scene, j], area[scene, j], total[scene, 0] > 0

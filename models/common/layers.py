"""Layers of a composed picture, batched, on whatever device the bank is on; nothing waits for the device and no sample has its own Python.

Coordinates: a frame is the square [-1,1]^2 (x right, y down). Every layer of a scene is a similarity of a cut-out whose tight bounding
box's longest side is 2 units at scale 1. A crop is a centre and a half side in scene units.
"""

import math
from dataclasses import dataclass, fields
from typing import Tuple

import torch
import torch.nn.functional as F

from common.bank import Bank

FAR = 50.0  # a layer that is not there is placed so far away that no crop reaches it


@dataclass
class Placed:
    """A batch of layers: which texture, where in the scene."""

    index: torch.Tensor  # int64 [B]
    centre: torch.Tensor  # [B,2]
    scale: torch.Tensor  # [B]
    angle: torch.Tensor  # [B]
    aspect: torch.Tensor  # [B]
    flip: torch.Tensor  # [B] +1 or -1
    colour: torch.Tensor  # [B,6] gain r g b, gamma, lift, saturation

    def repeat(self, n: int) -> "Placed":
        return Placed(*[getattr(self, f.name).repeat_interleave(n, 0) for f in fields(self)])

    def select(self, keep: torch.Tensor) -> "Placed":
        return Placed(*[getattr(self, f.name)[keep] for f in fields(self)])

    def absent(self, where: torch.Tensor) -> None:
        """Puts the layers where bool [B] is true out of every crop's reach."""
        self.centre = torch.where(where[:, None], torch.full_like(self.centre, FAR), self.centre)


def rand(g: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=g, device=g.device)


def randn(g: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=g, device=g.device)


def uniform(g: torch.Generator, b: int, lo: float, hi: float) -> torch.Tensor:
    return rand(g, b) * (hi - lo) + lo


def sign(g: torch.Generator, b: int) -> torch.Tensor:
    return torch.where(rand(g, b) < 0.5, -1.0, 1.0)


def pick(bank: Bank, g: torch.Generator, b: int, shapes: float = 0.0) -> torch.Tensor:
    """int64 [B]: cut-outs as often as the bank says, shapes with the chance `shapes`."""
    i = torch.searchsorted(bank.chances, rand(g, b)).clamp(max=bank.objects - 1)
    if shapes == 0 or len(bank.rgba) == bank.objects:
        return i
    j = torch.randint(bank.objects, len(bank.rgba), (b,), generator=g, device=g.device)
    return torch.where(rand(g, b) < shapes, j, i)


def place(g: torch.Generator, index: torch.Tensor, scale: Tuple[float, float], tilt: float) -> Placed:
    """Layers at the origin with random size, tilt (radians), aspect, mirroring and colours."""
    b = len(index)
    # mostly upright, sometimes thrown around
    angle = torch.where(rand(g, b) < 0.15, uniform(g, b, -math.pi, math.pi), uniform(g, b, -tilt, tilt))
    tint = 1 + 0.12 * randn(g, b, 3)
    light = torch.exp(0.25 * randn(g, b, 1))
    grey = 0.7 * rand(g, b, 1) * (rand(g, b, 1) < 0.5)
    colour = torch.cat([tint * light, torch.exp(0.2 * randn(g, b, 1)), 0.04 * randn(g, b, 1), 1 - grey], 1)
    size = torch.exp(uniform(g, b, math.log(scale[0]), math.log(scale[1])))
    return Placed(index, torch.zeros(b, 2, device=g.device), size, angle, torch.exp(0.1 * randn(g, b)), sign(g, b), colour)


def layer_grid(bank: Bank, p: Placed, centre: torch.Tensor, half: torch.Tensor, size: int) -> torch.Tensor:
    """Sampling grid [B,size,size,2] that shows layer p in the crop (centre [B,2], half [B])."""
    c, s = torch.cos(p.angle), torch.sin(p.angle)
    box = bank.box[p.index]
    kx = box[:, 2] / p.scale * p.flip / p.aspect
    ky = box[:, 2] / p.scale * p.aspect
    dx, dy = centre[:, 0] - p.centre[:, 0], centre[:, 1] - p.centre[:, 1]
    theta = torch.stack([
        torch.stack([kx * c * half, kx * s * half, kx * (c * dx + s * dy) + box[:, 0]], 1),
        torch.stack([-ky * s * half, ky * c * half, ky * (-s * dx + c * dy) + box[:, 1]], 1),
    ], 1)
    return F.affine_grid(theta, [len(theta), 1, size, size], align_corners=False)


def draw(bank: Bank, p: Placed, centre: torch.Tensor, half: torch.Tensor, size: int) -> torch.Tensor:
    """float32 [B,4,size,size]: premultiplied RGBA of the layers, colours in 0..1."""
    if bank.device.type == "cpu":  # absent layers are skipped where looking for them costs nothing
        near = p.centre[:, 0] < FAR
        if not near.all():
            out = torch.zeros(len(near), 4, size, size)
            if near.any():
                out[near] = draw(bank, p.select(near), centre[near], half[near], size)
            return out
    t = bank.rgba[p.index].float() / 255
    k = p.colour[:, :, None, None]
    rgb = t[:, :3]
    grey = rgb.mean(1, keepdim=True)
    rgb = (grey + (rgb - grey) * k[:, 5:6]).clamp(1e-3, 1) ** k[:, 3:4] * k[:, :3] + k[:, 4:5]
    t = torch.cat([rgb.clamp(0, 1) * t[:, 3:], t[:, 3:]], 1)
    return F.grid_sample(t, layer_grid(bank, p, centre, half, size), align_corners=False)


def draw_low(bank: Bank, p: Placed, centre: torch.Tensor, half: torch.Tensor, size: int) -> torch.Tensor:
    """float32 [B,size,size]: alpha only, from the 32 px bank."""
    return F.grid_sample(bank.low[p.index], layer_grid(bank, p, centre, half, size), align_corners=False)[:, 0]


def background(bank: Bank, g: torch.Generator, b: int, size: int) -> torch.Tensor:
    """float32 [B,3,size,size] in 0..1: random parts of random backgrounds, mirrored at their borders."""
    i = torch.randint(len(bank.backgrounds), (b,), generator=g, device=g.device)
    t = bank.backgrounds[i].float() / 255
    k = uniform(g, b, 0.35, 1.0)
    o = (rand(g, b, 2) * 2 - 1) * (1 - k)[:, None]
    flip, zero = sign(g, b), torch.zeros(b, device=g.device)
    theta = torch.stack([torch.stack([k * flip, zero, o[:, 0]], 1), torch.stack([zero, k, o[:, 1]], 1)], 1)
    return F.grid_sample(t, F.affine_grid(theta, [b, 1, size, size], align_corners=False), align_corners=False, padding_mode="reflection")


def blur(x: torch.Tensor, radius: int) -> torch.Tensor:
    """Two box filters of 2 radius + 1 pixels."""
    for _ in range(2):
        x = F.avg_pool2d(x, 2 * radius + 1, 1, radius, count_include_pad=False)
    return x


def over(front: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
    """Premultiplied front [B,4,S,S] over opaque back [B,3,S,S]."""
    return front[:, :3] + back * (1 - front[:, 3:])


def shadow(g: torch.Generator, alpha: torch.Tensor, down: int, sideways: int) -> torch.Tensor:
    """Soft contact shadows [B,C,S,S] of alpha [B,C,S,S]: blurred, moved down by `down` pixels and aside by up to `sideways`, each sample its own."""
    size = alpha.shape[-1]
    soft = F.interpolate(blur(F.avg_pool2d(alpha, 8), 1), size=(size, size), mode="bilinear", align_corners=False)
    shift = torch.randint(-sideways, sideways + 1, (len(alpha), 1), generator=g, device=g.device)
    column = (torch.arange(size, device=g.device) - shift) % size
    return torch.roll(soft, down, 2).gather(3, column[:, None, None].expand_as(soft))


def photo_effects(g: torch.Generator, photo: torch.Tensor) -> torch.Tensor:
    """What cameras do: blur, noise, coarse chroma (as in strong JPEG). photo [B,3,S,S] in 0..1."""
    b = len(photo)
    soft = F.avg_pool2d(F.pad(photo, (1, 1, 1, 1), mode="replicate"), 3, 1)
    k = (rand(g, b, 1, 1, 1) * 1.5 - 0.5).clamp(0, 1)
    photo = photo * (1 - k) + soft * k
    chroma = photo - photo.mean(1, keepdim=True)
    coarse = F.interpolate(F.avg_pool2d(chroma, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    photo = torch.where(rand(g, b, 1, 1, 1) < 0.3, photo - chroma + coarse, photo)
    sigma = 0.04 * rand(g, b, 1, 1, 1) ** 2
    return (photo + sigma * randn(g, *photo.shape)).clamp(0, 1)

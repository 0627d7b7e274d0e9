"""A small member of SyncDreamer's family: 16 views denoised together through one 3-D feature volume.

Per view: an encoder from 64 px to features at 16 px. All views are unprojected into a 16^3 volume (mean and variance over views), a small
3-D network works on it, every view samples it along 8 depths of its frustum and attends to them, and a decoder predicts the clean view as a
change to the layered body's rendering. All projections are constant indices and weights.
"""

import math
from typing import Callable, Sequence, Tuple, Type

import torch
import torch.nn as nn
import torch.nn.functional as F

from views.body import DISTANCE, FOCAL_PER_WIDTH, RIG_AZIMUTHS, RIG_ELEVATION, camera

VIEWS, SIZE, GRID, CELLS, DEPTHS, HALF = 16, 64, 16, 16, 8, 0.6
TIMESTEPS = 1000


def alphas_cumprod(s: float = 0.008) -> torch.Tensor:
    """float32 [TIMESTEPS]: abar_t of the cosine schedule, beta at most 0.999."""

    def f(t: int) -> float:
        return math.cos((t / TIMESTEPS + s) / (1 + s) * math.pi / 2) ** 2

    result, product = [], 1.0
    for t in range(TIMESTEPS):
        product *= 1 - min(0.999, 1 - f(t + 1) / f(t))
        result.append(product)
    return torch.tensor(result, dtype=torch.float64).float()


def corners(position: torch.Tensor, sizes: Sequence[int]) -> Tuple[torch.Tensor, torch.Tensor]:
    """position [..., D] in cells (cell centres at integers) -> indices and weights [..., 2^D] into a flattened grid; outside weighs 0."""
    low = torch.floor(position)
    part = position - low
    indices, weights = [], []
    for corner in range(2 ** len(sizes)):
        index = torch.zeros(position.shape[:-1], dtype=torch.long)
        weight = torch.ones(position.shape[:-1])
        for axis, size in enumerate(sizes):
            bit = corner >> axis & 1
            at = low[..., axis] + bit
            index = index * size + at.clamp(0, size - 1).long()
            weight = weight * (part[..., axis] if bit else 1 - part[..., axis]) * ((at >= 0) & (at < size)).float()
        indices.append(index)
        weights.append(weight)
    return torch.stack(indices, -1), torch.stack(weights, -1)


def projections() -> Tuple[torch.Tensor, ...]:
    """(volume <- views) indices, weights [V, CELLS^3, 4] and (views <- volume) indices, weights [V, DEPTHS*GRID*GRID, 8]."""
    axis = ((torch.arange(CELLS) + 0.5) / CELLS * 2 - 1) * HALF
    zyx = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    world = zyx.flip(-1)
    pixel = (torch.arange(GRID) + 0.5) / GRID - 0.5
    depth = DISTANCE + ((torch.arange(DEPTHS) + 0.5) / DEPTHS * 2 - 1) * HALF
    d, y, x = torch.meshgrid(depth, -pixel, pixel, indexing="ij")
    tables = []
    for azimuth in RIG_AZIMUTHS:
        right, up, towards = camera(torch.tensor(azimuth), torch.tensor(RIG_ELEVATION))
        z = DISTANCE - world @ towards
        u, v = 0.5 + FOCAL_PER_WIDTH * (world @ right) / z, 0.5 - FOCAL_PER_WIDTH * (world @ up) / z
        given = corners(torch.stack([v, u], -1) * GRID - 0.5, (GRID, GRID))
        at = (x[..., None] * right + y[..., None] * up) * (d / FOCAL_PER_WIDTH)[..., None] + towards * (DISTANCE - d[..., None])
        taken = corners((at.reshape(-1, 3).flip(-1) / HALF + 1) / 2 * CELLS - 0.5, (CELLS,) * 3)
        tables.append((*given, *taken))
    return tuple(torch.stack(column) for column in zip(*tables))


class Block(nn.Module):
    """x + bias, GroupNorm, SiLU, convolution, twice; the second convolution starts at zero."""

    def __init__(self, channels: int, bias: int, conv: Type[nn.Module] = nn.Conv2d):
        super().__init__()
        self.n1, self.c1 = nn.GroupNorm(8, channels), conv(channels, channels, 3, padding=1)
        self.n2, self.c2 = nn.GroupNorm(8, channels), conv(channels, channels, 3, padding=1)
        self.bias = nn.Linear(bias, channels)
        nn.init.zeros_(self.c2.weight)
        nn.init.zeros_(self.c2.bias)

    def forward(self, x: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
        b = self.bias(e)
        y = self.c1(F.silu(self.n1(x))) + b.reshape(*b.shape, *[1] * (x.ndim - 2))
        return x + self.c2(F.silu(self.n2(y)))


class Denoiser(nn.Module):
    """views, body [B,16,4,64,64], image [B,4,64,64], t [B] (0..999) -> x0 [B,16,4,64,64].

    All pictures are RGBA in [-1,1] with premultiplied colour: rgb * 2 - 1 multiplied by alpha, alpha * 2 - 1.
    """

    def __init__(self, width: int = 64, volume: int = 32, embed: int = 64):
        super().__init__()
        up_i, up_w, down_i, down_w = projections()
        self.register_buffer("up_index", up_i.int(), persistent=False)
        self.register_buffer("up_weight", up_w, persistent=False)
        self.register_buffer("down_index", down_i.int(), persistent=False)
        self.register_buffer("down_weight", down_w, persistent=False)
        azimuth = torch.tensor(RIG_AZIMUTHS)
        self.register_buffer("where", torch.stack([azimuth.sin(), azimuth.cos(), (2 * azimuth).sin(), (2 * azimuth).cos()], -1), persistent=False)
        self.register_buffer("frequency", torch.exp(-math.log(1000.0) * torch.arange(16) / 16), persistent=False)
        self.register_buffer("first_row", (torch.arange(VIEWS, dtype=torch.int32) * GRID * GRID).reshape(-1, 1, 1), persistent=False)
        self.width, self.volume = width, volume
        self.embed = nn.Sequential(nn.Linear(36, embed), nn.SiLU(), nn.Linear(embed, embed), nn.SiLU())
        self.stem = nn.Conv2d(8 * 16, width, 3, padding=1)
        self.look = nn.Conv2d(4 * 16, width, 3, padding=1)
        self.image_block = Block(width, embed)
        self.encode = Block(width, embed)
        self.give = nn.Conv2d(width, 16, 1)
        self.v0 = nn.Conv3d(32, volume, 1)
        self.v1 = Block(volume, embed, nn.Conv3d)
        self.down = nn.Conv3d(volume, 2 * volume, 3, stride=2, padding=1)
        self.v2 = Block(2 * volume, embed, nn.Conv3d)
        self.back = nn.Conv3d(2 * volume, volume, 1)
        self.v3 = Block(volume, embed, nn.Conv3d)
        self.query = nn.Conv2d(width, volume, 1)
        self.key, self.value = nn.Linear(volume, volume), nn.Linear(volume, volume)
        self.depth_bias = nn.Parameter(torch.zeros(DEPTHS, volume))
        self.merge = nn.Conv2d(width + volume, width, 1)
        self.decode = Block(width, embed)
        self.norm, self.head = nn.GroupNorm(8, width), nn.Conv2d(width, 4 * 16, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, views: torch.Tensor, body: torch.Tensor, image: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        b = views.shape[0]
        phase = t.reshape(b, 1) * self.frequency
        time = torch.cat([phase.cos(), phase.sin()], -1)
        e = self.embed(torch.cat([time[:, None].expand(b, VIEWS, -1), self.where.expand(b, VIEWS, -1)], -1)).flatten(0, 1)
        still = self.embed(torch.cat([time, torch.zeros_like(self.where[:1]).expand(b, -1)], -1))
        seen = self.image_block(self.look(F.pixel_unshuffle(image, 4)), still)
        f = self.stem(F.pixel_unshuffle(torch.cat([views, body], 2).flatten(0, 1), 4))
        f = (f.unflatten(0, (b, VIEWS)) + seen[:, None]).flatten(0, 1)
        f = self.encode(f, e)
        v = self.volume_net(self.lift(self.give(f).float(), b), still)
        f = self.merge(torch.cat([f, self.attend(self.query(f), v.float(), b).to(f.dtype)], 1))
        f = self.decode(f, e)
        change = F.pixel_shuffle(self.head(F.silu(self.norm(f))).float(), 4)
        return body + change.unflatten(0, (b, VIEWS))

    def lift(self, given: torch.Tensor, b: int) -> torch.Tensor:
        """Views' features [B*V,16,GRID,GRID] -> mean and variance over the views in every cell [B,32,CELLS,CELLS,CELLS]."""
        rows = given.flatten(2).transpose(1, 2).reshape(b, VIEWS * GRID * GRID, 16).index_select(1, (self.up_index + self.first_row).reshape(-1))
        g = (rows.reshape(b, VIEWS, CELLS**3, 4, 16) * self.up_weight[..., None]).sum(3)
        mean = g.mean(1)
        spread = (g * g).mean(1) - mean * mean
        return torch.cat([mean, spread], 2).transpose(1, 2).reshape(b, 32, CELLS, CELLS, CELLS)

    def volume_net(self, v: torch.Tensor, still: torch.Tensor) -> torch.Tensor:
        v = self.v1(self.v0(v), still)
        low = self.v2(self.down(v), still)
        return self.v3(v + F.interpolate(self.back(low), scale_factor=2.0, mode="nearest"), still)

    def attend(self, query: torch.Tensor, v: torch.Tensor, b: int) -> torch.Tensor:
        """The volume into frustums, and attention along depth: query [B*V,volume,GRID,GRID], v [B,volume,...] -> [B*V,volume,GRID,GRID]."""
        rows = v.reshape(b, self.volume, -1).transpose(1, 2).index_select(1, self.down_index.reshape(-1))
        s = (rows.reshape(b, VIEWS, -1, 8, self.volume) * self.down_weight[..., None]).sum(3)
        s = s.reshape(b * VIEWS, DEPTHS, GRID * GRID, self.volume) + self.depth_bias[:, None]
        q = query.flatten(2).transpose(1, 2)[:, None]
        weight = torch.softmax((self.key(s) * q).sum(-1, keepdim=True).float() * self.volume**-0.5, 1)
        return (self.value(s) * weight).sum(1).transpose(1, 2).reshape(b * VIEWS, self.volume, GRID, GRID)


def encode_picture(rgba: torch.Tensor) -> torch.Tensor:
    """Straight RGBA in [0,1] [...,4,S,S] -> the network's range."""
    alpha = rgba[..., 3:, :, :]
    return torch.cat([(rgba[..., :3, :, :] * 2 - 1) * alpha, alpha * 2 - 1], -3)


def decode_picture(x: torch.Tensor) -> torch.Tensor:
    """The inverse: straight RGBA in [0,1]."""
    alpha = ((x[..., 3:, :, :] + 1) / 2).clamp(0, 1)
    return torch.cat([((x[..., :3, :, :] / alpha.clamp(min=0.1)).clamp(-1, 1) + 1) / 2, alpha], -3)


def sample(predict: Callable[..., torch.Tensor], body: torch.Tensor, image: torch.Tensor, noise: torch.Tensor, start: int = 999, steps: int = 1,
           end: int = 500) -> torch.Tensor:
    """x0 [B,16,4,64,64] after `steps` deterministic DDIM steps at noise levels from `start` towards `end`. predict(views, body, image, t) -> x0.

    Below 999 the first state is the body's rendering with noise; at 999 it is noise alone, and the body acts as a condition only.
    """
    abar = alphas_cumprod()
    times = [round(start - (start - end) * i / steps) for i in range(steps)]
    x = float(abar[start].sqrt()) * body + float((1 - abar[start]).sqrt()) * noise
    clean = x
    for i, t in enumerate(times):
        clean = predict(x, body, image, torch.full((len(body),), float(t), device=body.device)).float().clamp(-1, 1)
        if i + 1 < steps:
            eps = (x - float(abar[t].sqrt()) * clean) / float((1 - abar[t]).sqrt())
            x = float(abar[times[i + 1]].sqrt()) * clean + float((1 - abar[times[i + 1]]).sqrt()) * eps
    return clean

"""A small member of SyncDreamer's family: 16 views denoised together through one 3-D feature volume.

Per view: an encoder from 64 px to features at 16 px. All views are unprojected into a 16^3 volume (mean and variance over views), a small
3-D network works on it, every view samples it along 8 depths of its frustum and attends to them, and a decoder predicts the clean view as a
change to the layered body's rendering. All projections are constant indices and weights.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from body import DISTANCE, FOCAL_PER_WIDTH, camera

VIEWS, SIZE, GRID, CELLS, DEPTHS, HALF = 16, 64, 16, 16, 8, 0.6
ELEVATION = math.radians(30)
TIMESTEPS = 1000


def alphas_cumprod(s=0.008):
    f = lambda t: math.cos((t / TIMESTEPS + s) / (1 + s) * math.pi / 2) ** 2
    result, product = [], 1.0
    for t in range(TIMESTEPS):
        product *= 1 - min(0.999, 1 - f(t + 1) / f(t))
        result.append(product)
    return torch.tensor(result, dtype=torch.float64).float()


def corners(position, sizes):
    """position [..., D] in cells (cell centres at integers) -> indices and weights [..., 2^D] into a flattened grid; outside weighs 0."""
    low = torch.floor(position)
    part = position - low
    indices, weights = [], []
    for corner in range(2 ** len(sizes)):
        index, weight = 0, 1.0
        for axis, size in enumerate(sizes):
            bit = corner >> axis & 1
            at = low[..., axis] + bit
            inside = ((at >= 0) & (at < size)).float()
            index = index * size + at.clamp(0, size - 1).long()
            weight = weight * (part[..., axis] if bit else 1 - part[..., axis]) * inside
        indices.append(index)
        weights.append(weight)
    return torch.stack(indices, -1), torch.stack(weights, -1)


def projections():
    """(volume <- views) indices, weights [V, CELLS^3, 4] and (views <- volume) indices, weights [V, DEPTHS*GRID*GRID, 8]."""
    axis = ((torch.arange(CELLS) + 0.5) / CELLS * 2 - 1) * HALF
    zyx = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    world = zyx.flip(-1)
    up_i, up_w, down_i, down_w = [], [], [], []
    pixel = (torch.arange(GRID) + 0.5) / GRID - 0.5
    depth = DISTANCE + ((torch.arange(DEPTHS) + 0.5) / DEPTHS * 2 - 1) * HALF
    d, y, x = torch.meshgrid(depth, -pixel, pixel, indexing="ij")
    for i in range(VIEWS):
        right, up, towards = camera(math.radians(22.5 * i), ELEVATION)
        z = DISTANCE - world @ towards
        u, v = 0.5 + FOCAL_PER_WIDTH * (world @ right) / z, 0.5 - FOCAL_PER_WIDTH * (world @ up) / z
        index, weight = corners(torch.stack([v, u], -1) * GRID - 0.5, (GRID, GRID))
        up_i.append(index), up_w.append(weight)
        at = (x[..., None] * right + y[..., None] * up) * (d / FOCAL_PER_WIDTH)[..., None] + towards * (DISTANCE - d[..., None])
        index, weight = corners((at.reshape(-1, 3).flip(-1) / HALF + 1) / 2 * CELLS - 0.5, (CELLS,) * 3)
        down_i.append(index), down_w.append(weight)
    return tuple(torch.stack(t) for t in (up_i, up_w, down_i, down_w))


class Block(nn.Module):
    """x + bias, GroupNorm, SiLU, convolution, twice; the second convolution starts at zero."""

    def __init__(self, channels, bias, conv=nn.Conv2d):
        super().__init__()
        self.n1, self.c1 = nn.GroupNorm(8, channels), conv(channels, channels, 3, padding=1)
        self.n2, self.c2 = nn.GroupNorm(8, channels), conv(channels, channels, 3, padding=1)
        self.bias = nn.Linear(bias, channels)
        nn.init.zeros_(self.c2.weight)
        nn.init.zeros_(self.c2.bias)

    def forward(self, x, e):
        b = self.bias(e)
        y = self.c1(F.silu(self.n1(x))) + b.reshape(*b.shape, *[1] * (x.ndim - 2))
        return x + self.c2(F.silu(self.n2(y)))


class Denoiser(nn.Module):
    """views, body [1,16,4,64,64], image [1,4,64,64], t [1] (0..999) -> x0 [1,16,4,64,64].

    All pictures are RGBA in [-1,1] with premultiplied colour: rgb * 2 - 1 multiplied by alpha, alpha * 2 - 1.
    """

    def __init__(self, width=64, volume=32, embed=64):
        super().__init__()
        up_i, up_w, down_i, down_w = projections()
        self.register_buffer("up_index", up_i.int(), persistent=False)
        self.register_buffer("up_weight", up_w, persistent=False)
        self.register_buffer("down_index", down_i.int(), persistent=False)
        self.register_buffer("down_weight", down_w, persistent=False)
        azimuth = torch.arange(VIEWS) * math.radians(22.5)
        self.register_buffer("where", torch.stack([azimuth.sin(), azimuth.cos(), (2 * azimuth).sin(), (2 * azimuth).cos()], -1), persistent=False)
        self.register_buffer("frequency", torch.exp(-math.log(1000.0) * torch.arange(16) / 16), persistent=False)
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

    def forward(self, views, body, image, t):
        body_ = body[0]
        phase = t.reshape(1, 1) * self.frequency
        time = torch.cat([phase.cos(), phase.sin()], -1)
        e = self.embed(torch.cat([time.expand(VIEWS, -1), self.where], -1))
        still = self.embed(torch.cat([time, torch.zeros_like(self.where[:1])], -1))
        seen = self.image_block(self.look(F.pixel_unshuffle(image, 4)), still)
        f = self.stem(F.pixel_unshuffle(torch.cat([views[0], body_], 1), 4)) + seen
        f = self.encode(f, e)
        # Views into the volume: [V, GRID*GRID, 16] rows, four corners each.
        g = self.give(f).float().flatten(2).transpose(1, 2)
        offset = (torch.arange(VIEWS, device=g.device, dtype=torch.int32) * GRID * GRID).reshape(-1, 1, 1)
        rows = g.reshape(VIEWS * GRID * GRID, 16).index_select(0, (self.up_index + offset).reshape(-1))
        g = (rows.reshape(VIEWS, CELLS**3, 4, 16) * self.up_weight[..., None]).sum(2)
        mean = g.mean(0)
        spread = (g * g).mean(0) - mean * mean
        v = torch.cat([mean, spread], 1).transpose(0, 1).reshape(1, 32, CELLS, CELLS, CELLS)
        v = self.v1(self.v0(v), still)
        low = self.v2(self.down(v), still)
        v = self.v3(v + F.interpolate(self.back(low), scale_factor=2.0, mode="nearest"), still)
        # The volume into frustums, and attention along depth.
        rows = v.float().reshape(self.volume, -1).transpose(0, 1).index_select(0, self.down_index.reshape(-1))
        s = (rows.reshape(VIEWS, -1, 8, self.volume) * self.down_weight[..., None]).sum(2).reshape(VIEWS, DEPTHS, GRID * GRID, self.volume)
        s = s + self.depth_bias[:, None]
        q = self.query(f).flatten(2).transpose(1, 2)[:, None]
        weight = torch.softmax((self.key(s) * q).sum(-1, keepdim=True).float() * self.volume**-0.5, 1)
        got = (self.value(s) * weight).sum(1).transpose(1, 2).reshape(VIEWS, self.volume, GRID, GRID)
        f = self.merge(torch.cat([f, got.to(f.dtype)], 1))
        f = self.decode(f, e)
        change = F.pixel_shuffle(self.head(F.silu(self.norm(f))).float(), 4)
        return (body_ + change)[None]


def encode_picture(rgba):
    """Straight RGBA in [0,1] [...,4,S,S] -> the network's range."""
    alpha = rgba[..., 3:, :, :]
    return torch.cat([(rgba[..., :3, :, :] * 2 - 1) * alpha, alpha * 2 - 1], -3)


def decode_picture(x):
    alpha = ((x[..., 3:, :, :] + 1) / 2).clamp(0, 1)
    return torch.cat([((x[..., :3, :, :] / alpha.clamp_min(0.1)).clamp(-1, 1) + 1) / 2, alpha], -3)


def sample(predict, body, image, noise, start=999, steps=1, end=500):
    """`steps` deterministic DDIM steps at noise levels from `start` towards `end`. predict(views, body, image, t) -> x0.

    Below 999 the first state is the body's rendering with noise; at 999 it is noise alone, and the body acts as a condition only.
    """
    abar = alphas_cumprod()
    times = [round(start - (start - end) * i / steps) for i in range(steps)]
    x = abar[start].sqrt() * body + (1 - abar[start]).sqrt() * noise
    for i, t in enumerate(times):
        clean = predict(x, body, image, torch.tensor([float(t)])).clamp(-1, 1)
        if i + 1 == steps:
            return clean
        eps = (x - abar[t].sqrt() * clean) / (1 - abar[t]).sqrt()
        x = abar[times[i + 1]].sqrt() * clean + (1 - abar[times[i + 1]]).sqrt() * eps

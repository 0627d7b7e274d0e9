"""The completion denoiser: a small U-Net over 64 px RGBA, conditioned by channel concatenation."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

SIZE = 64
COND_CHANNELS = 8  # visible RGB 3, visible mask 1, crop RGB 3, inside-the-photo mask 1
TIMESTEPS = 1000


def cosine_alphas_cumprod(timesteps: int = TIMESTEPS, s: float = 0.008) -> torch.Tensor:
    """float64 [timesteps]: abar_t of the cosine schedule, beta_t = min(0.999, 1 - f(t+1)/f(t))."""
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((t + s) / (1 + s) * math.pi / 2) ** 2
    betas = (1 - f[1:] / f[:-1]).clamp(max=0.999)
    return torch.cumprod(1 - betas, 0)


class Hints(nn.Module):
    """A guess without learning, as further input: the visible part, its colours spread outwards, its convex hull as the shape.

    cond [B,8,S,S] -> [B,8,S,S]: a guess in the space of x0 (4), the hull (1), the spread colours (3).
    """

    DIRECTIONS = 16

    def __init__(self, size: int = SIZE):
        super().__init__()
        axis = (torch.arange(size) + 0.5) / size * 2 - 1
        angle = torch.arange(self.DIRECTIONS) / self.DIRECTIONS * 2 * math.pi
        along = torch.cos(angle)[:, None, None] * axis[None, None, :] + torch.sin(angle)[:, None, None] * axis[None, :, None]
        self.register_buffer("along", along[None], persistent=False)
        self.sharp = size / 4

    def forward(self, cond: torch.Tensor) -> torch.Tensor:
        seen, m = cond[:, :3], cond[:, 3:4]
        # intersection of the half planes that hold every visible pixel
        support = (self.along - 20 * F.relu(0.6 - m)).amax((2, 3), keepdim=True)
        hull = torch.sigmoid((support - self.along) * self.sharp * 4 + 1).amin(1, keepdim=True)
        # colours from coarse to fine
        spread = seen.mean((2, 3), keepdim=True) / (m.mean((2, 3), keepdim=True) + 1e-4)
        near = m
        for s in (16, 8, 4):
            ms, cs = F.avg_pool2d(m, s), F.avg_pool2d(seen, s)
            w = (3 * ms).clamp(max=1)
            here = cs / (ms + 1e-4)
            if spread.shape[-1] > 1:
                spread = F.interpolate(spread, scale_factor=2.0, mode="bilinear", align_corners=False)
            spread = spread * (1 - w) + here * w
            if s == 8:
                near = F.interpolate(ms, scale_factor=8.0, mode="bilinear", align_corners=False)
        spread = F.interpolate(spread, scale_factor=4.0, mode="bilinear", align_corners=False)
        p = torch.maximum(m, 0.65 * hull + 0.35 * near * hull)
        rgb = seen + (1 - m) * p * spread
        return torch.cat([rgb, 2 * p - 1, hull, spread], 1)


class TimeEmbedding(nn.Module):
    def __init__(self, dim: int, out: int):
        super().__init__()
        half = dim // 2
        self.register_buffer("freqs", torch.exp(-math.log(10000.0) * torch.arange(half) / half), persistent=False)
        self.fc1 = nn.Linear(dim, out)
        self.fc2 = nn.Linear(out, out)

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        a = t[:, None] * self.freqs[None]
        e = torch.cat([torch.cos(a), torch.sin(a)], 1)
        return self.fc2(F.silu(self.fc1(e)))


class Res(nn.Module):
    """GroupNorm, SiLU, 3x3; the time embedding scales and shifts the second norm."""

    def __init__(self, cin: int, cout: int, temb: int):
        super().__init__()
        self.n1 = nn.GroupNorm(min(32, cin // 4), cin)
        self.c1 = nn.Conv2d(cin, cout, 3, padding=1)
        self.emb = nn.Linear(temb, 2 * cout)
        self.n2 = nn.GroupNorm(min(32, cout // 4), cout)
        self.c2 = nn.Conv2d(cout, cout, 3, padding=1)
        self.skip = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()
        nn.init.zeros_(self.c2.weight)
        nn.init.zeros_(self.c2.bias)

    def forward(self, x: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
        h = self.c1(F.silu(self.n1(x)))
        scale, shift = self.emb(e)[:, :, None, None].chunk(2, 1)
        h = self.n2(h) * (1 + scale) + shift
        return self.skip(x) + self.c2(F.silu(h))


class Attention(nn.Module):
    """Self-attention over the pixels of one level, heads of 32 channels."""

    def __init__(self, c: int):
        super().__init__()
        self.heads = c // 32
        self.norm = nn.GroupNorm(min(32, c // 4), c)
        self.qkv = nn.Conv2d(c, 3 * c, 1)
        self.out = nn.Conv2d(c, c, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        qkv = self.qkv(self.norm(x)).reshape(b, 3, self.heads, 32, h * w)
        q, k, v = qkv[:, 0], qkv[:, 1], qkv[:, 2]  # [b, heads, 32, hw]
        a = torch.softmax((q.transpose(2, 3) * 32**-0.5) @ k, -1)  # [b, heads, hw, hw]
        o = (v @ a.transpose(2, 3)).reshape(b, c, h, w)
        return x + self.out(o)


class Level(nn.Module):
    def __init__(self, cins: list[int], c: int, temb: int, attention: bool):
        super().__init__()
        self.res = nn.ModuleList([Res(ci, c, temb) for ci in cins])
        self.att = nn.ModuleList([Attention(c) if attention else nn.Identity() for _ in cins])


class Denoiser(nn.Module):
    """x [B,4,64,64], cond [B,8,64,64], t [B] float 0..999 -> v [B,4,64,64]."""

    def __init__(self, stem: int = 32, widths: tuple[int, ...] = (64, 128, 256), blocks: int = 1, temb: int = 256):
        super().__init__()
        self.config = {"stem": stem, "widths": list(widths), "blocks": blocks, "temb": temb}
        self.time = TimeEmbedding(128, temb)
        self.hints = Hints()
        self.stem = nn.Conv2d(4 + COND_CHANNELS + 8, stem, 3, padding=1)
        self.down = nn.ModuleList()
        self.enc = nn.ModuleList()
        c = stem
        for i, w in enumerate(widths):
            self.down.append(nn.Conv2d(c, w, 3, stride=2, padding=1))
            self.enc.append(Level([w] * blocks, w, temb, attention=i >= 1))
            c = w
        self.mid = Level([c, c], c, temb, attention=True)
        self.mid.att[1] = nn.Identity()
        self.dec = nn.ModuleList()
        self.up = nn.ModuleList()
        for i, w in reversed(list(enumerate(widths))):
            self.dec.append(Level([c + w] + [w] * (blocks - 1), w, temb, attention=i >= 1))
            nxt = widths[i - 1] if i else stem
            self.up.append(nn.Conv2d(w, nxt, 1))
            c = nxt
        self.last = Res(stem * 2, stem, temb)
        self.norm = nn.GroupNorm(8, stem)
        self.head = nn.Conv2d(stem, 4, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor, cond: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        e = F.silu(self.time(t))
        s = h = self.stem(torch.cat([x, cond, self.hints(cond)], 1))
        skips = []
        for down, level in zip(self.down, self.enc):
            h = down(h)
            for res, att in zip(level.res, level.att):
                h = att(res(h, e))
            skips.append(h)
        for res, att in zip(self.mid.res, self.mid.att):
            h = att(res(h, e))
        for level, up in zip(self.dec, self.up):
            h = torch.cat([h, skips.pop()], 1)
            for res, att in zip(level.res, level.att):
                h = att(res(h, e))
            h = F.interpolate(up(h), scale_factor=2.0, mode="nearest")
        h = self.last(torch.cat([h, s], 1), e)
        return self.head(F.silu(self.norm(h)))


class Anchored(nn.Module):
    """The denoiser as it ships: same inputs and output, but its clean picture is the photo where the object is visible.

    Splits v into x0 and noise, puts the visible colours and alpha 1 into x0, and returns the v that leads there. The null
    condition has no visible part, so nothing changes there.
    """

    def __init__(self, denoiser: Denoiser, blend: float = 0.0):
        super().__init__()
        self.denoiser = denoiser
        self.blend = blend

    def forward(self, x: torch.Tensor, cond: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        v = self.denoiser(x, cond, t).to(x.dtype)
        signal = torch.cos(((t + 1) / TIMESTEPS + 0.008) / 1.008 * (math.pi / 2)) / math.cos(0.008 / 1.008 * math.pi / 2)
        signal = signal.clamp(0, 0.9999)[:, None, None, None]
        noise = (1 - signal * signal).sqrt()
        x0 = (signal * x - noise * v).clamp(-1, 1)
        mask = cond[:, 3:4]
        if self.blend > 0:
            k = self.blend * noise**4 * (mask.amax((2, 3), keepdim=True) > 0.5)
            x0 = x0 * (1 - k) + self.denoiser.hints(cond)[:, :4] * k
        sure = ((mask - 0.8) * 10).clamp(0, 1)
        known = torch.cat([cond[:, :3] / mask.clamp(min=0.5), torch.ones_like(mask)], 1)
        x0 = x0 * (1 - sure) + known * sure
        return (signal * x - x0) / noise

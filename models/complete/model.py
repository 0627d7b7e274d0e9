"""The completion denoiser: a small U-Net over RGBA, conditioned by channel concatenation."""

import math
from typing import List, Optional, Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F

from common.blocks import Attention
from complete.hints import Hints

COND_CHANNELS = 8  # visible RGB 3, visible mask 1, crop RGB 3, inside-the-photo mask 1
HINT_CHANNELS = 8
PRIOR_CHANNELS = 4  # the prior's straight colours, its alpha
TIMESTEPS = 1000


def cosine_alphas_cumprod(timesteps: int = TIMESTEPS, s: float = 0.008) -> torch.Tensor:
    """float64 [timesteps]: abar_t of the cosine schedule, beta_t = min(0.999, 1 - f(t+1)/f(t)) (Nichol and Dhariwal 2021, eq. 17)."""
    t = torch.arange(timesteps + 1, dtype=torch.float64) / timesteps
    f = torch.cos((t + s) / (1 + s) * math.pi / 2) ** 2
    betas = (1 - f[1:] / f[:-1]).clamp(max=0.999)
    return torch.cumprod(1 - betas, 0)


class TimeEmbedding(nn.Module):
    """t [B] -> [B,out]: sinusoids through two linear layers."""

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


class Level(nn.Module):
    """Residual blocks of one resolution, each followed by attention where the level has it."""

    def __init__(self, cins: List[int], c: int, temb: int, attention: bool):
        super().__init__()
        self.res = nn.ModuleList([Res(ci, c, temb) for ci in cins])
        self.att = nn.ModuleList([Attention(c, c // 32, min(32, c // 4)) if attention else nn.Identity() for _ in cins])

    def forward(self, h: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
        for res, att in zip(self.res, self.att):
            h = att(res(h, e))
        return h


class Denoiser(nn.Module):
    """x [B,4,S,S], cond [B,8,S,S], t [B] float 0..999, with `prior` also prior [B,4,S,S] -> v [B,4,S,S].

    patch: pixels a side that are folded into channels before the first convolution; 1 at 64 px, 2 at 128 px keeps the cost down.
    Levels 1 and deeper attend, at S / patch / 4 px and coarser.
    """

    def __init__(self, stem: int = 32, widths: Sequence[int] = (64, 128, 256), blocks: int = 1, temb: int = 256, size: int = 64, patch: int = 1,
                 prior: bool = False):
        super().__init__()
        self.size, self.patch, self.prior = size, patch, prior
        self.time = TimeEmbedding(128, temb)
        self.hints = Hints(size)
        self.stem = nn.Conv2d((4 + COND_CHANNELS + HINT_CHANNELS + PRIOR_CHANNELS * prior) * patch**2, stem, 3, padding=1)
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
        self.head = nn.Conv2d(stem, 4 * patch**2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor, cond: torch.Tensor, t: torch.Tensor, prior: Optional[torch.Tensor] = None) -> torch.Tensor:
        e = F.silu(self.time(t))
        parts = [x, cond, self.hints(cond)] + ([prior] if self.prior else [])
        s = h = self.stem(F.pixel_unshuffle(torch.cat(parts, 1), self.patch))
        skips = []
        for down, level in zip(self.down, self.enc):
            h = level(down(h), e)
            skips.append(h)
        h = self.mid(h, e)
        for level, up in zip(self.dec, self.up):
            h = level(torch.cat([h, skips.pop()], 1), e)
            h = F.interpolate(up(h), scale_factor=2.0, mode="nearest")
        h = self.last(torch.cat([h, s], 1), e)
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), self.patch)


class Anchored(nn.Module):
    """The denoiser as it ships: same inputs and output, but its clean picture is the photo where the object is visible.

    Splits v into x0 and noise, puts the visible colours and alpha 1 into x0, and returns the v that leads there. The null
    condition has no visible part, so nothing changes there.
    """

    def __init__(self, denoiser: Denoiser):
        super().__init__()
        self.denoiser = denoiser

    def forward(self, x: torch.Tensor, cond: torch.Tensor, t: torch.Tensor, prior: Optional[torch.Tensor] = None) -> torch.Tensor:
        v = self.denoiser(x, cond, t, prior).to(x.dtype)
        signal = torch.cos(((t + 1) / TIMESTEPS + 0.008) / 1.008 * (math.pi / 2)) / math.cos(0.008 / 1.008 * math.pi / 2)
        signal = signal.clamp(0, 0.9999)[:, None, None, None]
        noise = (1 - signal * signal).sqrt()
        x0 = (signal * x - noise * v).clamp(-1, 1)
        mask = cond[:, 3:4]
        sure = ((mask - 0.8) * 10).clamp(0, 1)
        known = torch.cat([cond[:, :3] / mask.clamp(min=0.5), torch.ones_like(mask)], 1)
        x0 = x0 * (1 - sure) + known * sure
        return (signal * x - x0) / noise

"""Layers that the networks share. Names of parameters are part of the checkpoint format: older checkpoints must load."""

from typing import Optional, Tuple

import torch
import torch.nn as nn
import torch.nn.functional as F


class Residual(nn.Module):
    """x [B,cin,H,W] -> [B,cout,H,W]: GroupNorm, SiLU, 3x3 convolution, twice, around a skip. Starts as its skip alone."""

    def __init__(self, cin: int, cout: int, groups: Tuple[int, int] = (8, 8)):
        super().__init__()
        self.n1, self.c1 = nn.GroupNorm(groups[0], cin), nn.Conv2d(cin, cout, 3, padding=1)
        self.n2, self.c2 = nn.GroupNorm(groups[1], cout), nn.Conv2d(cout, cout, 3, padding=1)
        self.skip = nn.Conv2d(cin, cout, 1) if cin != cout else nn.Identity()
        nn.init.zeros_(self.c2.weight)
        nn.init.zeros_(self.c2.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.c1(F.silu(self.n1(x)))
        return self.skip(x) + self.c2(F.silu(self.n2(y)))


class Attention(nn.Module):
    """Self-attention over the pixels of x [B,C,H,W] -> [B,C,H,W]. Starts as the identity.

    With `side` the input is side x side and gets a learned position. The scores are written out instead of calling
    scaled_dot_product_attention: PyTorch 1.13 lacks it, and 256 pixels at most are attended to.
    """

    def __init__(self, channels: int, heads: int = 4, groups: int = 8, side: Optional[int] = None):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv, self.out = nn.Conv2d(channels, 3 * channels, 1), nn.Conv2d(channels, channels, 1)
        self.place = nn.Parameter(torch.zeros(1, channels, side, side)) if side else None
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        b, c, h, w = x.shape
        y = self.norm(x) if self.place is None else self.norm(x) + self.place
        q, k, v = self.qkv(y).reshape(b, 3, self.heads, c // self.heads, h * w).unbind(1)
        weights = torch.softmax(q.transpose(2, 3) @ k * (c // self.heads) ** -0.5, -1)
        return x + self.out((v @ weights.transpose(2, 3)).reshape(b, c, h, w))


def grid(size: int) -> torch.Tensor:
    """float32 [1,2,size,size]: x and y of the pixels' centres in a frame of [-1,1], y down."""
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    return torch.stack([axis[None].expand(size, size), axis[:, None].expand(size, size)])[None].clone()

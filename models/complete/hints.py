"""What can be said about the whole object without learning; both networks of the folder start from it."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Hints(nn.Module):
    """A guess without learning, as further input: the visible part, its colours spread outwards, its convex hull as the shape.

    cond [B,8,S,S] -> [B,8,S,S]: a guess in the space of x0 (4), the hull (1), the spread colours (3).
    """

    DIRECTIONS = 16

    def __init__(self, size: int = 64):
        super().__init__()
        axis = (torch.arange(size) + 0.5) / size * 2 - 1
        angle = torch.arange(self.DIRECTIONS) / self.DIRECTIONS * 2 * math.pi
        along = torch.cos(angle)[:, None, None] * axis[None, None, :] + torch.sin(angle)[:, None, None] * axis[None, :, None]
        self.register_buffer("along", along[None], persistent=False)
        self.size = size

    def forward(self, cond: torch.Tensor) -> torch.Tensor:
        seen, m = cond[:, :3], cond[:, 3:4]
        # intersection of the half planes that hold every visible pixel
        support = (self.along - 20 * F.relu(0.6 - m)).amax((2, 3), keepdim=True)
        hull = torch.sigmoid((support - self.along) * self.size + 1).amin(1, keepdim=True)
        # colours from coarse to fine: cells of a quarter, an eighth, a sixteenth of the frame
        spread = seen.mean((2, 3), keepdim=True) / (m.mean((2, 3), keepdim=True) + 1e-4)
        near = m
        for parts in (4, 8, 16):
            cell = self.size // parts
            ms, cs = F.avg_pool2d(m, cell), F.avg_pool2d(seen, cell)
            w = (3 * ms).clamp(max=1)
            here = cs / (ms + 1e-4)
            if parts > 4:
                spread = F.interpolate(spread, scale_factor=2.0, mode="bilinear", align_corners=False)
            spread = spread * (1 - w) + here * w
            if parts == 8:
                near = F.interpolate(ms, scale_factor=float(cell), mode="bilinear", align_corners=False)
        spread = F.interpolate(spread, scale_factor=self.size / 16, mode="bilinear", align_corners=False)
        p = torch.maximum(m, 0.65 * hull + 0.35 * near * hull)
        rgb = seen + (1 - m) * p * spread
        return torch.cat([rgb, 2 * p - 1, hull, spread], 1)

"""The layered body network: one RGBA view in, what lies behind its pixels out."""

from typing import List, Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F

from common.blocks import Attention, Residual, grid
from views.body import FARTHEST, NEAREST


class Layers(nn.Module):
    """image [B,4,S,S] straight RGBA in [0,1], elevation [B] radians -> layers [B,5,S,S]: front and back offset along the viewing axis
    from the plane through the object's centre (world units, positive away from the camera, back >= front), back colour in [0,1]."""

    def __init__(self, widths: Sequence[int] = (64, 128, 224), depths: Sequence[int] = (1, 2, 3), size: int = 64):
        super().__init__()
        self.size = size
        self.register_buffer("grid", grid(size))
        self.stem = nn.Conv2d(28, widths[0], 3, padding=1)  # on 2x2 pixels at a time
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        a = widths[0]
        for i, (w, d) in enumerate(zip(widths, depths)):
            blocks: List[nn.Module] = [nn.Conv2d(a, w, 3, stride=2, padding=1)] if i else []
            blocks += [Residual(w, w) for _ in range(d)]
            if i == len(widths) - 1:
                blocks.insert(-1, Attention(w))
            self.down.append(nn.Sequential(*blocks))
            a = w
        for i in range(len(widths) - 2, -1, -1):
            w = widths[i]
            self.up.append(nn.ModuleList([nn.Conv2d(a, w, 1), nn.Sequential(*[Residual(2 * w if j == 0 else w, w) for j in range(depths[i])])]))
            a = w
        self.norm, self.head = nn.GroupNorm(8, a), nn.Conv2d(a, 20, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            self.head.bias.copy_(torch.tensor([-0.2, -0.7, 0.0, 0.0, 0.0]).repeat_interleave(4))

    def features(self, image: torch.Tensor, elevation: torch.Tensor) -> torch.Tensor:
        """What the heads read, [B,widths[0],S/2,S/2]."""
        alpha = image[:, 3:]
        rgb = image[:, :3] * alpha + 0.5 * (1 - alpha)
        plane = elevation.reshape(-1, 1, 1, 1) + torch.zeros_like(alpha)
        x = torch.cat([rgb * 2 - 1, alpha * 2 - 1, plane, self.grid + torch.zeros_like(image[:, :2])], 1)
        x = self.stem(F.pixel_unshuffle(x, 2))
        skips = []
        for block in self.down:
            x = block(x)
            skips.append(x)
        skips.pop()
        for project, blocks in self.up:
            x = F.interpolate(project(x), scale_factor=2.0, mode="nearest")
            x = blocks(torch.cat([x, skips.pop()], 1))
        return F.silu(self.norm(x))

    def layers(self, features: torch.Tensor) -> torch.Tensor:
        out = F.pixel_shuffle(self.head(features).float(), 2)
        front = out[:, :1]
        return torch.cat([front, front + F.softplus(out[:, 1:2]), torch.sigmoid(out[:, 2:])], 1)

    def forward(self, image: torch.Tensor, elevation: torch.Tensor) -> torch.Tensor:
        return self.layers(self.features(image, elevation))


def voxel_depths(count: int) -> torch.Tensor:
    """Offsets [count] of the voxels' centres along the viewing axis."""
    return NEAREST + (torch.arange(count) + 0.5) * ((FARTHEST - NEAREST) / count)


class Volume(Layers):
    """The layered body and what lies between, before and behind its surfaces: image, elevation as of Layers -> [B,5+D,S,S]: the layers, then
    logits of being solid for D voxels a pixel, from NEAREST to FARTHEST. They start as the layered body's own."""

    def __init__(self, widths: Sequence[int] = (64, 128, 224), depths: Sequence[int] = (1, 2, 3), size: int = 64, voxels: int = 48):
        super().__init__(widths, depths, size)
        self.register_buffer("voxels", voxel_depths(voxels).reshape(1, -1, 1, 1))
        self.solid = nn.Conv2d(widths[0], 4 * voxels, 3, padding=1)
        nn.init.zeros_(self.solid.weight)
        nn.init.zeros_(self.solid.bias)

    def forward(self, image: torch.Tensor, elevation: torch.Tensor) -> torch.Tensor:
        features = self.features(image, elevation)
        layers = self.layers(features)
        between = torch.minimum(self.voxels - layers[:, :1], layers[:, 1:2] - self.voxels)
        logits = 3 * torch.tanh(between / 0.1) + F.pixel_shuffle(self.solid(features).float(), 2)
        return torch.cat([layers, logits], 1)

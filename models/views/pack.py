"""Crops rendered input views the way the network wants them. Shared by training, evaluation and the joint model's data.

The frame: the object's alpha box (alpha > 0.5) centred, its longest side 200/256 of the frame's width, the camera's roll undone. The crop is
treated as seen by a rig camera: distance 1.5, focal length 280/256 of the width. So one frame width is 1.5 / 1.09375 = 1.371 world units in
the plane through the object's centre, and depths grow by the same factor as the picture.
"""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F

from common.bank import extent
from views.body import DISTANCE, FOCAL_PER_WIDTH

FILL = 200 / 256
FRAME = DISTANCE / FOCAL_PER_WIDTH  # world units of a crop's width
TOO_DEEP = 2.3  # an object seen end on would grow too deep in its crop


def turned(grid: torch.Tensor, roll: torch.Tensor) -> torch.Tensor:
    """Places of an upright frame [B,H,W,2] -> where the rolled camera (radians [B]) shows them."""
    c, s = roll.cos().reshape(-1, 1, 1), roll.sin().reshape(-1, 1, 1)
    x, y = grid[..., 0], grid[..., 1]
    return torch.stack([c * x - s * y, s * x + c * y], -1)


class Views:
    """The input views of some splits (0 train, 1 validation, 2 test) of views.pack, on a device. `keep` int64 holds the usable rows."""

    def __init__(self, pack: Dict[str, Any], splits: Sequence[int], device: torch.device):
        rows = np.flatnonzero(np.isin(pack["split"], splits))
        if not len(rows):
            raise ValueError(f"the pack has no views in the splits {list(splits)}; make it with more objects")

        def column(name: str) -> torch.Tensor:
            return torch.from_numpy(np.ascontiguousarray(pack[name][rows])).to(device)

        self.rgba, self.front, self.back, self.back_rgb = (column(n) for n in ("rgba", "front", "back", "back_rgb"))
        self.elevation, self.roll = column("elevation"), column("roll")
        self.object, self.step = column("object").long(), column("step").long()
        self.split = column("split")
        self.distance, self.focal = column("distance"), column("focal")
        self.unit = FRAME * self.focal / self.distance  # crop units in a world unit, before zooming
        size = self.rgba.shape[1]
        boxes: List[torch.Tensor] = []
        for part in torch.arange(len(rows), device=device).split(512):
            alpha = self.rgba[part, ..., 3][:, None].float() / 255
            inside = F.grid_sample(alpha, turned(self._grid(size, len(part)), self.roll[part]), align_corners=False)[:, 0] > 0.5
            boxes.append(torch.stack([*extent(inside.any(1)), *extent(inside.any(2))], 1))
        x0, x1, y0, y1 = torch.cat(boxes).float().unbind(1)
        self.centre = torch.stack([x0 + x1, y0 + y1], 1) / size - 1  # in [-1,1] of the rendered, upright frame
        self.zoom = FILL / (torch.maximum(x1 - x0, y1 - y0).clamp(min=1) / size)
        self.keep = torch.nonzero((self.zoom * self.unit < TOO_DEEP) & (x1 > x0)).flatten()

    def _grid(self, size: int, b: int) -> torch.Tensor:
        axis = (torch.arange(size, device=self.rgba.device) + 0.5) / size * 2 - 1
        return torch.stack([axis[None].expand(size, size), axis[:, None].expand(size, size)], -1)[None].expand(b, -1, -1, -1)

    def crop(self, index: torch.Tensor, size: int = 64, zoom: Optional[torch.Tensor] = None, shift: Optional[torch.Tensor] = None,
             mirror: Optional[torch.Tensor] = None) -> Dict[str, torch.Tensor]:
        """rgba [B,4,S,S] straight in [0,1], front, back [B,1,S,S] in crop units, back_rgb [B,3,S,S] in [0,1].

        zoom [B], shift [B,2] (in the rendered frame) and mirror bool [B] in place of the tight crop.
        """
        zoom = self.zoom[index] if zoom is None else zoom
        centre = self.centre[index] if shift is None else self.centre[index] + shift
        rgba = self.rgba[index].permute(0, 3, 1, 2).float() / 255
        alpha = rgba[:, 3:]
        solid = (alpha > 0).float()
        planes = torch.cat([rgba[:, :3] * alpha, alpha, solid, self.front[index][:, None].float() * solid, self.back[index][:, None].float() * solid,
                            self.back_rgb[index].permute(0, 3, 1, 2).float() / 255 * solid], 1)
        b = len(index)
        at = self._grid(2 * size, b) / zoom.reshape(b, 1, 1, 1)
        if mirror is not None:
            flip = torch.where(mirror, -1.0, 1.0)
            at = at * torch.stack([flip, torch.ones_like(flip)], -1).reshape(b, 1, 1, 2)
        at = turned(at + centre.reshape(b, 1, 1, 2), self.roll[index])
        planes = F.avg_pool2d(F.grid_sample(planes, at, mode="bilinear", padding_mode="zeros", align_corners=False), 2)
        solid = planes[:, 4:5].clamp(min=1e-4)
        alpha = planes[:, 3:4]
        rgb = planes[:, :3] / alpha.clamp(min=1e-4) * (alpha > 1e-3)
        scale = (zoom * self.unit[index]).reshape(b, 1, 1, 1)
        present = (planes[:, 4:5] > 1e-3).float()
        return {"rgba": torch.cat([rgb.clamp(0, 1), alpha], 1), "front": planes[:, 5:6] / solid * scale * present,
                "back": planes[:, 6:7] / solid * scale * present, "back_rgb": (planes[:, 7:10] / solid * present).clamp(0, 1)}

    def placement(self, index: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """scale [B], offset [B,3] with crop point = scale * (world point - offset): from the true object's world to the tight crop's body."""
        e = self.elevation[index]
        half = FRAME / 2 / self.unit[index]
        right = torch.stack([half, torch.zeros_like(e), torch.zeros_like(e)], 1)
        up = torch.stack([torch.zeros_like(e), e.cos(), -e.sin()], 1) * half[:, None]
        centre = self.centre[index]
        return self.zoom[index] * self.unit[index], centre[:, :1] * right - centre[:, 1:] * up


def small_rig(rig: np.ndarray, size: int, device: torch.device) -> torch.Tensor:
    """uint8 [O,16,R,R,4] -> uint8 [O,16,4,size,size] straight RGBA on the device, area-averaged with alpha as the colours' weight."""
    out = []
    for part in range(0, len(rig), 16):
        x = torch.from_numpy(np.ascontiguousarray(rig[part : part + 16])).to(device).flatten(0, 1).permute(0, 3, 1, 2).float() / 255
        x = F.adaptive_avg_pool2d(torch.cat([x[:, :3] * x[:, 3:], x[:, 3:]], 1), size)
        x = torch.cat([x[:, :3] / x[:, 3:].clamp(min=1 / 255), x[:, 3:]], 1).clamp(0, 1)
        out.append((x * 255).round().byte().reshape(-1, 16, 4, size, size))
    return torch.cat(out)


def seen_from(rig: torch.Tensor, rows: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """rig [O,16,...], rows [B], step [B] -> [B,16,...]: the views in the order that starts at the input's azimuth."""
    order = (step[:, None] + torch.arange(16, device=rig.device)) % 16
    return rig[rows[:, None], order]

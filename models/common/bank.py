"""The bank that pictures are composed from: cut-outs, shapes and backgrounds, all of it on the device."""

from dataclasses import dataclass
from typing import Any, Dict, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F

from common.surfaces import TEX, palette, smooth_shape

# How often a target comes from a furniture library, from the procedural objects, from emoji (column `source` of the pack).
SOURCE_WEIGHTS = (2.0, 1.0, 1.0)


@dataclass
class Bank:
    """Cut-outs and shapes that layers are drawn from."""

    rgba: torch.Tensor  # uint8 [N,4,TEX,TEX] straight
    low: torch.Tensor  # float32 [N,1,32,32] alpha
    box: torch.Tensor  # float32 [N,3] centre x, y and half of the longest side, in texture coordinates -1..1
    chances: torch.Tensor  # float32 [objects] running sum of how often each is the target, 0..1
    objects: int  # the first `objects` are cut-outs, the rest are shapes that only occlude
    backgrounds: torch.Tensor  # uint8 [M,3,TEX,TEX]

    @property
    def device(self) -> torch.device:
        return self.rgba.device


def whole(rgba: np.ndarray, source: np.ndarray) -> np.ndarray:
    """bool [N]: a cut-out touching three or more borders is not whole (emoji are drawn to the border); an almost empty one shows nothing."""
    alpha = rgba[..., 3] > 127
    border = alpha[:, 0].any(1).astype(int) + alpha[:, -1].any(1) + alpha[:, :, 0].any(1) + alpha[:, :, -1].any(1)
    return (alpha.mean((1, 2)) > 0.015) & ((border < 3) | (source == 2))


def chances(object_id: np.ndarray, source: np.ndarray) -> np.ndarray:
    """float64 [N] running sum: sources as SOURCE_WEIGHTS say; an object with many views counts more, but not in proportion."""
    weights = np.zeros(len(object_id))
    for kind, share in enumerate(SOURCE_WEIGHTS):
        rows = source == kind
        if rows.any():
            _, inverse, count = np.unique(object_id[rows], return_inverse=True, return_counts=True)
            each = 1 / count[inverse] ** 0.5
            weights[rows] = share * each / each.sum()
    return np.cumsum(weights / weights.sum())


def make_bank(pack: Dict[str, Any], splits: Sequence[int], device: torch.device, shapes: int = 900, seed: int = 0) -> Bank:
    """From the arrays of complete.pack: the cut-outs of these splits (0 train, 1 validation, 2 test), the backgrounds of the same split,
    and `shapes` procedural occluders. Throws ValueError where a split is empty."""
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(np.isin(pack["split"], splits))
    rows = rows[whole(pack["rgba"][rows], pack["source"][rows])]
    if not len(rows):
        raise ValueError(f"the pack has no usable cut-outs in the splits {list(splits)}; make it with more objects")
    backgrounds = pack["backgrounds"]
    if "background_split" in pack and np.isin(pack["background_split"], splits).any():
        backgrounds = backgrounds[np.isin(pack["background_split"], splits)]
    made = np.empty((shapes, TEX, TEX, 4), np.uint8)
    for i in range(shapes):
        made[i, ..., :3] = backgrounds[rng.integers(len(backgrounds))] if rng.random() < 0.7 else palette(rng, 1)[0] * 255
        made[i, ..., 3] = smooth_shape(rng) * 255
    rgba = torch.from_numpy(np.concatenate([pack["rgba"][rows], made])).to(device).permute(0, 3, 1, 2).contiguous()
    alpha = rgba[:, 3:]
    low = torch.cat([F.avg_pool2d(part.float(), TEX // 32) for part in alpha.split(512)]) / 255
    solid = alpha[:, 0] > 100
    x0, x1 = extent(solid.any(1))
    y0, y1 = extent(solid.any(2))
    box = torch.stack([(x0 + x1) / TEX - 1, (y0 + y1) / TEX - 1, torch.maximum(x1 - x0, y1 - y0) / TEX], 1).float()
    running = torch.from_numpy(chances(pack["object_id"][rows], pack["source"][rows])).float().to(device)
    return Bank(rgba, low, box, running, len(rows), torch.from_numpy(backgrounds).to(device).permute(0, 3, 1, 2).contiguous())


def extent(present: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """bool [N,S] -> first and one past the last true place, int64 [N] each; S and 0 where nothing is true."""
    place = torch.arange(present.shape[1], device=present.device).expand_as(present)
    return place.masked_fill(~present, present.shape[1]).amin(1), (place + 1).masked_fill(~present, 0).amax(1)

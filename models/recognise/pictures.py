"""What the image tower is shown: an occluded photo, its visible part, the whole object. Batched torch on the bank's device."""

import math
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F

from common.bank import Bank, make_bank, whole
from common.layers import draw, photo_effects, place, rand, uniform
from complete.compose import completion_batch
from recognise.names import labels_of

KINDS = ("occluded photo", "visible part", "whole object")
CROP = (1.05, 1.6)  # of photo and visible part while training, in longest sides of the visible part
SOURCE_WEIGHTS = (2.0, 0.5, 1.5)  # furniture, procedural, emoji
MARGIN = 1.2  # the same where the product looks at a picture
PHOTO_MARGIN = 1.5


def shares(object_id: np.ndarray, source: np.ndarray) -> torch.Tensor:
    """float32 [N]: running sum, 0..1, of how often each cut-out is the target. Sources as SOURCE_WEIGHTS say; within a source every
    object as often as any other."""
    weights = np.zeros(len(object_id))
    for kind, share in enumerate(SOURCE_WEIGHTS):
        here = source == kind
        if here.any():
            _, inverse, count = np.unique(object_id[here], return_inverse=True, return_counts=True)
            weights[here] = share * (1 / count[inverse]) / len(count)
    return torch.from_numpy(np.cumsum(weights / weights.sum())).float()


def named_bank(pack: Dict[str, Any], splits: Sequence[int], labels: List[str], device: torch.device, shapes: int,
               seed: int) -> Tuple[Bank, torch.Tensor]:
    """The bank of those cut-outs that have a label, and for each of its rows the label's place in `labels`, int64."""
    names = np.array(labels_of(pack))
    keep = np.flatnonzero(names != "")
    part = {k: v[keep] for k, v in pack.items() if k in ("rgba", "object_id", "split", "source")}
    backgrounds = {k: v for k, v in pack.items() if k.startswith("background")}
    bank = make_bank({**part, **backgrounds}, splits, device, shapes, seed)
    rows = np.flatnonzero(np.isin(part["split"], splits))
    rows = rows[whole(part["rgba"][rows], part["source"][rows])]
    # the few procedural families would otherwise be a quarter of all targets
    bank.chances = shares(part["object_id"][rows], part["source"][rows]).to(device)
    place_of = {label: i for i, label in enumerate(labels)}
    return bank, torch.tensor([place_of[name] for name in names[keep][rows]], device=device)


def coarsen(g: torch.Generator, picture: torch.Tensor) -> torch.Tensor:
    """Half of the pictures at half of the resolution, as completions are."""
    soft = F.interpolate(F.avg_pool2d(picture, 2), scale_factor=2.0, mode="bilinear", align_corners=False)
    return torch.where(rand(g, len(picture), 1, 1, 1) < 0.5, soft, picture)


def training_pictures(bank: Bank, g: torch.Generator, n: int, size: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """Pictures [3 n,4,size,size] of n scenes, n of each of KINDS in order, and their objects' rows of the bank, int64 [3 n]."""
    d = completion_batch(bank, g, n, size, crop=CROP)
    cond, index = d["cond"], d["index"]
    photo = torch.cat([cond[:, 4:7], torch.ones_like(cond[:, 3:4])], 1)
    target = place(g, index, (1, 1), 0.26)
    half = uniform(g, n, 0.95, 1.4)
    shift = (rand(g, n, 2) * 2 - 1) * (half - 0.9).clamp(min=0)[:, None] * 0.5
    object_ = draw(bank, target, shift, half, size)
    alpha = object_[:, 3:]
    colours = photo_effects(g, object_[:, :3] + 0.5 * (1 - alpha))  # over grey, which is 0 below
    object_ = torch.cat([(colours * 2 - 1) * (alpha > 0), alpha], 1)
    return torch.cat([photo, coarsen(g, cond[:, :4]), coarsen(g, object_)]), index.repeat(3)


def box_of(mask: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Centre [B,2] and longest side [B] of mask [B,S,S] above one half, in a frame of -1..1; the whole frame where it is empty."""
    size = mask.shape[-1]
    solid = mask > 0.5
    solid = solid | ~solid.any(2).any(1)[:, None, None]
    at = torch.arange(size, device=mask.device).expand(len(mask), size)
    ends = []
    for present in (solid.any(1), solid.any(2)):
        ends.append((at.masked_fill(~present, size).amin(1), (at + 1).masked_fill(~present, 0).amax(1)))
    centre = torch.stack([(lo + hi) / size - 1 for lo, hi in ends], 1)
    return centre, torch.maximum(ends[0][1] - ends[0][0], ends[1][1] - ends[1][0]) * 2 / size


def framed(picture: torch.Tensor, centre: torch.Tensor, side: torch.Tensor, size: int) -> torch.Tensor:
    """The square of picture [B,4,S,S] (premultiplied) with this centre [B,2] and side [B], at `size` pixels; outside is nothing."""
    theta = torch.zeros(len(picture), 2, 3, device=picture.device)
    theta[:, 0, 0] = theta[:, 1, 1] = side / 2
    theta[:, :, 2] = centre
    fine = 2 ** max(0, math.ceil(math.log2(picture.shape[-1] / size)))
    grid = F.affine_grid(theta, [len(picture), 4, size * fine, size * fine], align_corners=False)
    return F.avg_pool2d(F.grid_sample(picture, grid, align_corners=False), fine)


def shown_pictures(d: Dict[str, torch.Tensor], size: int) -> List[torch.Tensor]:
    """A batch of `completion_batch` framed as the product frames its pictures: each of KINDS, [B,4,size,size]."""
    cond, whole_ = d["cond"], d["x0"]
    photo = torch.cat([cond[:, 4:7], torch.ones_like(cond[:, 3:4])], 1)
    centre, side = box_of(cond[:, 3])
    return [framed(photo, centre, side * PHOTO_MARGIN, size), framed(cond[:, :4], centre, side * MARGIN, size), tight(whole_, size)]


def tight(rgba: torch.Tensor, size: int) -> torch.Tensor:
    """Whole objects [B,4,S,S] as the denoiser's x0 (2 premultiplied - 1, 2 alpha - 1), framed: [B,4,size,size] as the tower takes them."""
    alpha = ((rgba[:, 3:] + 1) / 2).clamp(0, 1)
    # x0's colours are 2 c a - a with straight c; the tower takes (2 c - 1) a, which is the same
    picture = torch.cat([rgba[:, :3] * (alpha > 0), alpha], 1)
    centre, side = box_of(alpha[:, 0])
    return framed(picture, centre, side * MARGIN, size)

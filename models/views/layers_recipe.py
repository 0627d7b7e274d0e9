"""The recipe of the layered body network."""

from typing import Any, Callable, Dict, Tuple

import torch
import torch.nn.functional as F

from common.device import Machine
from common.layers import rand, randn
from common.pictures import sheet
from common.trainer import Batch
from views.model import Layers
from views.pack import Views

# Both networks of the folder together at most 40 MB in half precision.
PRESETS = {
    "cpu": {"size": 64, "batch": 16, "lr": 1e-3, "ema": 0.998, "weight_decay": 0.02, "channels_last": True,
            "net": {"widths": [64, 128, 224], "depths": [1, 2, 3]}},
    "gpu": {"size": 128, "batch": 512, "lr": 1e-3, "ema": 0.999, "weight_decay": 0.02, "channels_last": True,
            "net": {"widths": [64, 128, 192, 256], "depths": [1, 2, 3, 4]}},
}
CASES = 192


def augment(rgba: torch.Tensor, back_rgb: torch.Tensor, g: torch.Generator) -> Tuple[torch.Tensor, torch.Tensor]:
    """One colour change for both sides; edge and blur noise on the input only. rgba [B,4,S,S] is straight."""
    b, size = len(rgba), rgba.shape[-1]
    rgb, alpha = rgba[:, :3], rgba[:, 3:]
    # 1. colours: channels shuffled on 30 %, gain, gamma
    order = torch.where(rand(g, b, 1) < 0.3, rand(g, b, 3).argsort(1), torch.arange(3, device=g.device))
    pick = order[:, :, None, None].expand(-1, -1, size, size)
    gain = (1 + (rand(g, b, 1, 1, 1) - 0.5) * 0.5) * (1 + (rand(g, b, 3, 1, 1) - 0.5) * 0.3)
    gamma = torch.exp((rand(g, b, 1, 1, 1) - 0.5) * 0.6)
    rgb, back_rgb = ((c.gather(1, pick).clamp(0, 1) ** gamma * gain).clamp(0, 1) for c in (rgb, back_rgb))
    # 2. what comes from the completion model is softer and its alpha less exact than a rendering
    kernel, edge = (3, 1) if size <= 64 else (5, 2)
    soft = F.avg_pool2d(F.pad(torch.cat([rgb * alpha, alpha], 1), (edge,) * 4), kernel, 1)
    blurred = torch.where(alpha > 1e-3, soft[:, :3] / soft[:, 3:].clamp(min=1e-3), rgb).clamp(0, 1)
    rgb = torch.where(rand(g, b, 1, 1, 1) < 0.3, blurred, rgb)
    noise = F.interpolate(randn(g, b, 1, 12, 12), size=(size, size), mode="bilinear", align_corners=False)
    rough = ((soft[:, 3:] - 0.5 + noise * 0.2 * rand(g, b, 1, 1, 1) + (rand(g, b, 1, 1, 1) - 0.6) * 0.3) * 6 + 0.5).clamp(0, 1)
    alpha = torch.where(rand(g, b, 1, 1, 1) < 0.3, rough, alpha)
    rgb = rgb + randn(g, *rgb.shape) * 0.02 * rand(g, b, 1, 1, 1)
    return torch.cat([rgb.clamp(0, 1), alpha], 1), back_rgb


def layer_losses(out: torch.Tensor, batch: Batch) -> Dict[str, torch.Tensor]:
    """Mean absolute errors inside batch["mask"]: depth (front + back, world units), their differences between neighbours (a pixel of a
    64 px frame), back colour."""
    mask, size = batch["mask"], out.shape[-1]
    area = mask.sum().clamp(min=1)
    wide, high = mask[..., 1:] * mask[..., :-1], mask[..., 1:, :] * mask[..., :-1, :]
    depth = slope = torch.zeros((), device=out.device)
    for got, want in ((out[:, :1], batch["front"]), (out[:, 1:2], batch["back"])):
        error = got - want
        depth = depth + (error.abs() * mask).sum() / area
        across, down = (error[..., 1:] - error[..., :-1]).abs() * wide, (error[..., 1:, :] - error[..., :-1, :]).abs() * high
        slope = slope + (across.sum() + down.sum()) / area * (size / 64)
    colour = ((out[:, 2:] - batch["back_rgb"]).abs() * mask).sum() / area / 3
    return {"loss": depth + 0.5 * slope + 0.7 * colour, "depth": depth, "slope": slope, "colour": colour}


def picture_of(out: torch.Tensor, cases: Batch) -> torch.Tensor:
    """About 16 cases a row each: input, true and predicted front, back, back colour. out [N,5,S,S]."""
    rows = slice(0, None, max(1, len(out) // 16))
    mask = cases["mask"][rows]

    def shown(x: torch.Tensor) -> torch.Tensor:
        return x[rows] * mask + 1 - mask

    true, rgb = cases, cases["rgba"]
    columns = [shown(rgb[:, :3] * 2 - 1)]
    for front, back, colour in ((true["front"], true["back"], true["back_rgb"]), (out[:, :1], out[:, 1:2], out[:, 2:])):
        columns += [shown(front / 0.7), shown(back / 0.7), shown(colour * 2 - 1)]
    return sheet(columns)


class LayersRecipe:
    def __init__(self, pack: Dict[str, Any], values: Dict[str, Any], machine: Machine):
        self.values, self.size = values, values["size"]
        self.config = {**values["net"], "size": self.size}
        self.model = Layers(**self.config).to(machine.device)
        self.views = Views(pack, (0,), machine.device)
        held = Views(pack, (1,), machine.device)
        index = held.keep[torch.linspace(0, len(held.keep) - 1, min(CASES, len(held.keep)), device=machine.device).long()]
        self.cases = self.masked(held.crop(index, self.size))
        self.cases["elevation"] = held.elevation[index]

    @staticmethod
    def masked(crop: Batch) -> Batch:
        return {**crop, "mask": (crop["rgba"][:, 3:] > 0.5).float()}

    def batch(self, g: torch.Generator, n: int) -> Batch:
        v = self.views
        index = v.keep[torch.randint(len(v.keep), (n,), generator=g, device=g.device)]
        zoom = v.zoom[index] * torch.exp((rand(g, n) - 0.5) * 0.12)
        shift = (rand(g, n, 2) - 0.5) * 0.08 / zoom[:, None]
        batch = self.masked(v.crop(index, self.size, zoom, shift, rand(g, n) < 0.5))
        batch["rgba"], batch["back_rgb"] = augment(batch["rgba"], batch["back_rgb"], g)
        batch["elevation"] = v.elevation[index] + randn(g, n) * 0.05
        return batch

    def loss(self, model: Callable[..., torch.Tensor], batch: Batch, g: torch.Generator) -> Dict[str, torch.Tensor]:
        return layer_losses(model(batch["rgba"], batch["elevation"]), batch)

    def validate(self, model: torch.nn.Module) -> Tuple[Dict[str, float], torch.Tensor]:
        out = torch.cat([model(i, e).float() for i, e in zip(self.cases["rgba"].split(64), self.cases["elevation"].split(64))])
        figures = {k: float(v) for k, v in layer_losses(out, self.cases).items()}
        return figures, picture_of(out, self.cases)

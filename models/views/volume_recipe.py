"""The recipe of the volume network: what is solid in the input view's frustum, learned from carved shapes and from the rig's silhouettes."""

from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple

import torch
import torch.nn.functional as F

from common.device import Machine
from common.layers import rand, randn
from common.trainer import Batch
from common.weights import load_trained
from views.body import FARTHEST, NEAREST
from views.carving import carve
from views.frustum import PASSED, RIG_PIXELS, Frame, RigRays, picked, silhouettes, solid_voxels
from views.layers_recipe import PRESETS as LAYERS_PRESETS
from views.layers_recipe import augment, layer_losses, picture_of
from views.model import Volume
from views.pack import Views, seen_from, small_rig

PRESETS = {name: {**preset, "lr": 6e-4, "rig_views": 8, "net": {**preset["net"], "voxels": 48}} for name, preset in LAYERS_PRESETS.items()}
CASES = 96
THRESHOLDS = (-1.5, -1.0, -0.5, 0.0, 0.5)  # of the validation


def overlap(got: torch.Tensor, want: torch.Tensor) -> torch.Tensor:
    """Intersection over union [B,V] of shares in 0..1 [B,V,H,W]."""
    both = (got * want).flatten(2).sum(2)
    return (both + 1) / ((got + want - got * want).flatten(2).sum(2) + 1)


def masked(logits: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Nothing is solid outside the mask."""
    return torch.where(mask > 0, logits, torch.full_like(logits, PASSED))


def volume_losses(out: torch.Tensor, batch: Batch) -> Dict[str, torch.Tensor]:
    """The layers' losses; cross-entropy of the solid voxels behind the mask; cross-entropy and 1 - IoU of the rig's silhouettes."""
    layers = layer_losses(out[:, :5], batch)
    logits, mask, want = out[:, 5:], batch["mask"], batch["solid"]
    voxels = (F.binary_cross_entropy_with_logits(logits, want, reduction="none") * mask).sum() / (mask.sum() * logits.shape[1]).clamp(min=1)
    seen = silhouettes(masked(logits, mask), batch["rays"], batch["met"])
    true = batch["silhouettes"]
    # rays that pass the frustum by have nothing to learn from
    aimed = (seen > PASSED).float()
    edges = (F.binary_cross_entropy_with_logits(seen, true, reduction="none") * aimed).sum() / aimed.sum().clamp(min=1)
    lost = 1 - overlap(torch.sigmoid(seen), true).mean()
    return {"loss": 0.5 * layers["loss"] + 2 * voxels + edges + lost, **{k: layers[k] for k in ("depth", "colour")}, "voxels": voxels, "edges": edges, "lost": lost}


class VolumeRecipe:
    def __init__(self, pack: Dict[str, Any], values: Dict[str, Any], machine: Machine, layers: Optional[Path]):
        self.values, self.size = values, values["size"]
        self.config = {**values["net"], "size": self.size}
        self.views = Views(pack, (0,), machine.device)
        self.model = Volume(**self.config).to(machine.device)
        if layers:
            missing, unknown = self.model.load_state_dict(load_trained(layers).state, strict=False)
            if unknown or any(not name.startswith(("solid.", "voxels")) for name in missing):
                raise ValueError(f"{layers}: expected trained layers of the same preset; missing {missing}, unknown {unknown}")
        self.depths = self.model.voxels.reshape(-1).clone()
        self.rays = RigRays(machine.device)
        self.rig = small_rig(pack["rig"], RIG_PIXELS, machine.device)[:, :, 3]
        self.hulls = carve(pack, self.views)
        held = Views(pack, (1,), machine.device)
        index = held.keep[torch.randperm(len(held.keep), generator=torch.Generator().manual_seed(5))[:CASES].to(machine.device)]
        self.cases = self.complete(held, index, carve(pack, held), torch.arange(16, device=machine.device),
                                   torch.zeros(2, dtype=torch.long, device=machine.device))
        self.cases["elevation"] = held.elevation[index]

    def complete(self, views: Views, index: torch.Tensor, hulls: torch.Tensor, which: torch.Tensor, corner: torch.Tensor, zoom: Optional[torch.Tensor] = None,
                 shift: Optional[torch.Tensor] = None, mirror: Optional[torch.Tensor] = None) -> Batch:
        """Crops and what is to be learned of them: solid [B,D,S,S]; of the rig views `which` and pixels picked() by `corner`, the voxels along
        the rays and the true silhouettes [B,V,RAYS,RAYS]."""
        batch = views.crop(index, self.size, zoom, shift, mirror)
        batch["mask"] = (batch["rgba"][:, 3:] > 0.5).float()
        frame = Frame(views, index, self.size, zoom, shift, mirror)
        solid = solid_voxels(frame, hulls, views.object[index], views.step[index], self.depths)
        # the voxel of the nearest surface is solid, however thin the part
        own = (self.depths.reshape(1, -1, 1, 1) - batch["front"]).abs() <= (FARTHEST - NEAREST) / len(self.depths) / 2
        batch["solid"] = torch.maximum(solid, own.float())
        batch["rays"], batch["met"] = self.rays.voxels(frame, which, corner, len(self.depths))
        batch["silhouettes"] = picked(seen_from(self.rig, views.object[index], views.step[index]), which, corner, 1).float() / 255
        return batch

    def batch(self, g: torch.Generator, n: int) -> Batch:
        v = self.views
        index = v.keep[torch.randint(len(v.keep), (n,), generator=g, device=g.device)]
        zoom = v.zoom[index] * torch.exp((rand(g, n) - 0.5) * 0.12)
        shift = (rand(g, n, 2) - 0.5) * 0.08 / zoom[:, None]
        which = torch.randperm(16, generator=g, device=g.device)[: self.values["rig_views"]]
        corner = torch.randint(2, (2,), generator=g, device=g.device)
        batch = self.complete(v, index, self.hulls, which, corner, zoom, shift, rand(g, n) < 0.5)
        batch["rgba"], batch["back_rgb"] = augment(batch["rgba"], batch["back_rgb"], g)
        batch["elevation"] = v.elevation[index] + randn(g, n) * 0.05
        return batch

    def loss(self, model: Callable[..., torch.Tensor], batch: Batch, g: torch.Generator) -> Dict[str, torch.Tensor]:
        return volume_losses(model(batch["rgba"], batch["elevation"]), batch)

    def validate(self, model: torch.nn.Module) -> Tuple[Dict[str, float], torch.Tensor]:
        sums: Dict[str, float] = {}
        outs = []
        parts = [dict(zip(self.cases, rows)) for rows in zip(*(v.split(16) for v in self.cases.values()))]
        for part in parts:
            out = model(part["rgba"], part["elevation"]).float()
            outs.append(out)
            figures = {k: float(v) for k, v in volume_losses(out, part).items()}
            seen = silhouettes(masked(out[:, 5:], part["mask"]), part["rays"], part["met"])
            true = (part["silhouettes"] > 0.5).float()
            for threshold in THRESHOLDS:
                figures[f"iou{threshold}"] = float(overlap((seen > threshold).float(), true).mean())
            for k, v in figures.items():
                sums[k] = sums.get(k, 0.0) + v * len(out) / len(self.cases["rgba"])
        return sums, picture_of(torch.cat(outs)[:, :5], self.cases)

"""The recipe of the joint denoiser: 16 views together, from the layered body's rendering."""

from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import numpy as np
import torch

from common.device import Machine
from common.layers import rand, randn
from common.pictures import sheet
from common.trainer import Batch
from common.weights import load_trained
from views.body import Body, render
from views.denoiser import SIZE, Denoiser, alphas_cumprod, decode_picture, encode_picture, sample
from views.model import Layers
from views.pack import Views, seen_from, small_rig

# `views`: bodies that are rendered before the training starts, one view of every object first.
PRESETS = {
    "cpu": {"batch": 2, "lr": 1e-3, "ema": 0.997, "weight_decay": 0.01, "channels_last": False, "views": 300,
            "net": {"width": 64, "volume": 32, "embed": 64}},
    "gpu": {"batch": 64, "lr": 1e-3, "ema": 0.999, "weight_decay": 0.01, "channels_last": False, "views": 6000,
            "net": {"width": 160, "volume": 64, "embed": 128}},
}
# Noise so low that the truth shows through teaches nothing that inference can use: it starts from noise and the body, not from the truth.
MIN_T, MAX_T, ALL_NOISE = 500, 999, 0.4
INPUT_DISTANCE = 2.0  # of the input camera, assumed: objects in photos are seen from farther than the rig's 1.5
CASES = 24


def chosen_views(views: Views, limit: int) -> torch.Tensor:
    """int64 [at most limit]: usable rows in random order, one view of every object first, then a second one, and so on."""
    order = views.keep[torch.randperm(len(views.keep), generator=torch.Generator().manual_seed(3)).to(views.keep.device)].cpu().tolist()
    seen: Dict[int, int] = {}
    rank = {}
    for row, owner in zip(order, views.object.cpu()[order].tolist()):
        rank[row] = seen[owner] = seen.get(owner, -1) + 1
    return torch.tensor(sorted(order, key=rank.__getitem__)[:limit], dtype=torch.long)


def predicted_body(model: torch.nn.Module, views: Views, index: torch.Tensor) -> Tuple[torch.Tensor, Body]:
    """The tight crops [B,4,S,S] and the bodies that the layers network sees behind them."""
    size = model.size
    rgba = views.crop(index, size)["rgba"]
    with torch.no_grad():
        layers = model(rgba, views.elevation[index]).float()
    return rgba, Body(rgba, layers, views.elevation[index], INPUT_DISTANCE)


def render_bodies(views: Views, layers: Path, limit: int, machine: Machine, at_once: int) -> Dict[str, np.ndarray]:
    """body uint8 [N,16,4,64,64] and image uint8 [N,4,64,64], straight RGBA; object int32, step int8, split uint8 [N].

    Aligned with the true object by the crop's own scale and centre.
    """
    trained = load_trained(layers)
    model = Layers(**trained.config)
    model.load_state_dict(trained.state)
    model = model.eval().to(machine.device)
    index = chosen_views(views, limit).to(machine.device)
    bodies, images = [], []
    for part in index.split(at_once):
        rgba, body = predicted_body(model, views, part)
        scale, offset = views.placement(part)
        picture = render(body, SIZE, 1, steps=96, bisections=4, scale=scale, offset=offset)
        bodies.append((picture * 255).round().clamp(0, 255).byte().cpu())
        small = rgba if rgba.shape[-1] == SIZE else views.crop(part, SIZE)["rgba"]
        images.append((small * 255).round().clamp(0, 255).byte().cpu())
    return {"body": torch.cat(bodies).numpy(), "image": torch.cat(images).numpy(), "object": views.object[index].cpu().numpy().astype(np.int32),
            "step": views.step[index].cpu().numpy().astype(np.int8), "split": views.split[index].cpu().numpy().astype(np.uint8)}


class Sets:
    """Bodies with their truths, of some splits, on the device."""

    def __init__(self, bodies: Dict[str, np.ndarray], rig: torch.Tensor, splits: Tuple[int, ...], device: torch.device):
        rows = np.flatnonzero(np.isin(bodies["split"], splits))
        if not len(rows):
            raise ValueError(f"no bodies in the splits {list(splits)}; render more views")
        self.body, self.image = (torch.from_numpy(bodies[k][rows]).to(device) for k in ("body", "image"))
        self.object, self.step = (torch.from_numpy(bodies[k][rows].astype(np.int64)).to(device) for k in ("object", "step"))
        self.rig = rig

    def get(self, index: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """body, truth [B,16,4,64,64] and image [B,4,64,64], straight RGBA in [0,1]."""
        truth = seen_from(self.rig, self.object[index], self.step[index])
        return self.body[index].float() / 255, truth.float() / 255, self.image[index].float() / 255


def mirrored(x: torch.Tensor) -> torch.Tensor:
    """The mirrored object's views [B,16,...]: azimuth a becomes -a and every picture is flipped."""
    return x.flip(-1)[:, (-torch.arange(16, device=x.device)) % 16]


def overlap(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Mean IoU [B] over the views of two alphas [B,16,S,S] > 0."""
    a, b = a > 0, b > 0
    return ((a & b).sum((2, 3)) / (a | b).sum((2, 3)).clamp(min=1)).mean(1)


class JointRecipe:
    def __init__(self, pack: Dict[str, Any], values: Dict[str, Any], machine: Machine, layers: Path, bodies: Path):
        self.values, self.config = values, values["net"]
        self.model = Denoiser(**self.config).to(machine.device)
        if not bodies.exists():
            views = Views(pack, (0, 1, 2), machine.device)
            bodies.parent.mkdir(parents=True, exist_ok=True)
            np.savez(bodies, **render_bodies(views, layers, values["views"], machine, 64 if machine.cuda else 4))
        with np.load(bodies) as data:
            rendered = dict(data)
        rig = small_rig(pack["rig"], SIZE, machine.device)
        self.train, self.held = (Sets(rendered, rig, s, machine.device) for s in ((0,), (1,)))
        self.abar = alphas_cumprod().to(machine.device)
        g = machine.generator(5)
        index = torch.linspace(0, len(self.held.object) - 1, min(CASES, len(self.held.object)), device=machine.device).long()
        self.case_body, self.case_truth, self.case_image = (encode_picture(x) for x in self.held.get(index))
        self.case_noise = randn(g, *self.case_truth.shape)

    def batch(self, g: torch.Generator, n: int) -> Batch:
        index = torch.randint(len(self.train.object), (n,), generator=g, device=g.device)
        body, truth, image = self.train.get(index)
        flip = rand(g, n, 1, 1, 1, 1) < 0.5
        body, truth = (torch.where(flip, mirrored(x), x) for x in (body, truth))
        image = torch.where(flip[:, 0], image.flip(-1), image)
        order = torch.where(rand(g, n, 1) < 0.3, rand(g, n, 3).argsort(1), torch.arange(3, device=g.device))
        gain, gamma = 1 + (rand(g, n, 1, 3, 1, 1) - 0.5) * 0.4, torch.exp((rand(g, n, 1, 1, 1, 1) - 0.5) * 0.5)

        def changed(x: torch.Tensor) -> torch.Tensor:
            rgb = x[:, :, :3].gather(2, order[:, None, :, None, None].expand(-1, x.shape[1], -1, SIZE, SIZE))
            return encode_picture(torch.cat([(rgb**gamma * gain).clamp(0, 1), x[:, :, 3:]], 2))

        return {"body": changed(body), "truth": changed(truth), "image": changed(image[:, None])[:, 0]}

    def loss(self, model: Callable[..., torch.Tensor], batch: Batch, g: torch.Generator) -> Dict[str, torch.Tensor]:
        """Mean square error of the clean views at a random, high noise level; alpha counts twice."""
        truth, n = batch["truth"], len(batch["truth"])
        level = torch.randint(MIN_T, MAX_T, (n,), generator=g, device=g.device)
        t = torch.where(rand(g, n) < ALL_NOISE, torch.full_like(level, MAX_T), level)
        ab = self.abar[t].reshape(n, 1, 1, 1, 1)
        noisy = ab.sqrt() * truth + (1 - ab).sqrt() * randn(g, *truth.shape)
        error = (model(noisy, batch["body"], batch["image"], t.float()) - truth) ** 2
        colour, alpha = error[:, :, :3].mean(), error[:, :, 3:].mean()
        return {"loss": colour + 0.67 * alpha, "colour": colour, "alpha": alpha}

    def validate(self, model: torch.nn.Module) -> Tuple[Dict[str, float], torch.Tensor]:
        parts: List[torch.Tensor] = []
        for body, image, noise in zip(self.case_body.split(8), self.case_image.split(8), self.case_noise.split(8)):
            parts.append(sample(model, body, image, noise))
        out = torch.cat(parts)
        figures = {
            "mse": ((out - self.case_truth) ** 2).mean(), "body_mse": ((self.case_body - self.case_truth) ** 2).mean(),
            "iou": overlap(out[:, :, 3], self.case_truth[:, :, 3]).mean(), "body_iou": overlap(self.case_body[:, :, 3], self.case_truth[:, :, 3]).mean(),
        }

        def white(x: torch.Tensor) -> torch.Tensor:
            straight = decode_picture(x)
            return (straight[..., :3, :, :] * straight[..., 3:, :, :] + 1 - straight[..., 3:, :, :]) * 2 - 1

        rows = slice(0, None, 4)
        input_ = white(self.case_image[rows])
        blocks = [torch.cat([input_, *[white(x[rows, v]) for v in range(0, 16, 2)]], 3) for x in (self.case_truth, self.case_body, out)]
        return {k: float(v) for k, v in figures.items()}, sheet([torch.stack(blocks, 1).flatten(0, 1)])

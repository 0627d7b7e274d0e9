"""Trains the promptable segmenter.

    python models/segment/train.py --data complete.pack --out RUN/segment --minutes N

The options of every recipe: ../README.md.
"""

import sys
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.bank import make_bank  # noqa: E402
from common.device import Machine, open_machine  # noqa: E402
from common.layers import rand  # noqa: E402
from common.options import preset_for, recipe_parser  # noqa: E402
from common.pictures import sheet  # noqa: E402
from common.trainer import Batch, Trainer  # noqa: E402
from segment.net import Segmenter  # noqa: E402
from segment.prompts import correct, ious, one_click, only_box, prompts, tint  # noqa: E402
from segment.scenes import choose, scenes  # noqa: E402

# At most 15 MB in half precision.
PRESETS = {
    "cpu": {"batch": 48, "lr": 1.5e-3, "ema": 0.998, "weight_decay": 0.01, "channels_last": False,
            "net": {"encoder": [32, 64, 128], "decoder": [24, 32, 64], "embedding": 32}},
    "gpu": {"batch": 1536, "lr": 1.5e-3, "ema": 0.999, "weight_decay": 0.01, "channels_last": True,
            "net": {"encoder": [48, 128, 256], "decoder": [32, 64, 128], "embedding": 64}},
}
CASES = 64
PER_SCENE = 6  # prompts: a scene is encoded once and asked often
CORRECTED = 0.3  # of the scenes' prompts get another click where the network is wrong
ANCHORS = 24  # pixels of a scene whose embeddings are compared with all others
EMBEDDING = 0.5  # weight of that


def objective(logits: torch.Tensor, target: torch.Tensor, ok: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Cross-entropy over pixels plus one minus the soft IoU, so that small objects count. Samples that are not ok weigh nothing."""
    logits = logits[:, 0]
    p = torch.sigmoid(logits)
    inter, union = (p * target).sum((1, 2)), (p + target - p * target).sum((1, 2))
    # pixels of and near the object carry as much as the rest of the frame
    pixel = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    near = F.interpolate(F.max_pool2d(F.max_pool2d(target[:, None], 4), 5, 1, 2), scale_factor=4.0)[:, 0]
    ce = pixel.mean((1, 2)) + (pixel * near).sum((1, 2)) / near.sum((1, 2)).clamp(min=16)
    weight = ok.float() / ok.float().sum().clamp(min=1)
    shape, overlap = (ce * weight).sum(), ((1 - (inter + 1) / (union + 1)) * weight).sum()
    return {"loss": 0.5 * shape + overlap, "shape": shape, "iou": overlap}


def anchors(g: torch.Generator, visible: torch.Tensor) -> Dict[str, torch.Tensor]:
    """Of visible [B,L,S,S]: the layers with the background last at 64 pixels, [B,L+1,64,64], and ANCHORS pixels clearly within one, int64 [B,ANCHORS]:
    small layers less often than large ones, but not in proportion."""
    half = F.avg_pool2d(visible, 2)
    layers = torch.cat([half, (1 - half.sum(1, keepdim=True)).clamp(min=0)], 1)
    within = (layers > 0.9).float()
    weight = (within / within.sum((2, 3), keepdim=True).clamp(min=1).sqrt()).sum(1).flatten(1)
    running = weight.cumsum(1)
    at = torch.searchsorted(running, rand(g, len(visible), ANCHORS) * running[:, -1:], right=True)
    return {"layers": layers, "anchors": at.clamp(max=weight.shape[1] - 1)}


def likeness_loss(embedding: torch.Tensor, layers: torch.Tensor, at: torch.Tensor, sharpness: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of "the same layer as the anchor" from the cosine of embeddings [B,E,64,64], same and other pixels weighing as much."""
    flat, own = embedding.flatten(2), layers.flatten(2)
    mine = flat.gather(2, at[:, None].expand(-1, flat.shape[1], -1))
    logits = sharpness[0] * (mine.transpose(1, 2) @ flat) + sharpness[1]
    which = own.gather(2, at[:, None].expand(-1, own.shape[1], -1)).argmax(1)
    same = own.gather(1, which[..., None].expand(-1, -1, own.shape[2]))
    ce = F.binary_cross_entropy_with_logits(logits, same, reduction="none")
    return 0.5 * ((ce * same).sum(2) / same.sum(2).clamp(min=1) + (ce * (1 - same)).sum(2) / (1 - same).sum(2).clamp(min=1)).mean()


class SegmentRecipe:
    def __init__(self, pack: Dict[str, Any], values: Dict[str, Any], machine: Machine, seed: int):
        self.values, self.config = values, values["net"]
        self.model = Segmenter(**self.config).to(machine.device)
        self.bank = make_bank(pack, (0,), machine.device, seed=seed)
        g = machine.generator(1234)
        image, target, _, ok = choose(g, *scenes(make_bank(pack, (1,), machine.device, shapes=200, seed=seed), g, CASES), 1)
        self.image, self.target = image[ok], target[ok]
        self.click, self.box, self.seed, self.machine = one_click(g, self.target), only_box(g, self.target), seed, machine

    def batch(self, g: torch.Generator, n: int) -> Batch:
        photo, visible, wanted = scenes(self.bank, g, -(-n // PER_SCENE))
        _, target, _, ok = choose(g, photo, visible, wanted, PER_SCENE)
        return {"image": photo, "target": target, "prompt": prompts(g, target), "ok": ok, **anchors(g, visible)}

    def loss(self, model: Callable[..., Any], batch: Batch, g: torch.Generator) -> Dict[str, torch.Tensor]:
        # the plain network answers first: another batch size would compile the fast one again
        some = max(1, round(CORRECTED * len(batch["image"])))
        asked = some * PER_SCENE
        with torch.no_grad():
            first = self.model(batch["image"][:some], batch["prompt"][:asked], PER_SCENE)[0].float()
        prompt = torch.cat([correct(g, batch["prompt"][:asked], batch["target"][:asked], first), batch["prompt"][asked:]])
        logits, embedding = model(batch["image"], prompt, PER_SCENE)
        parts = objective(logits.float(), batch["target"], batch["ok"])
        with torch.autocast(logits.device.type, enabled=False):
            alike = likeness_loss(embedding.float(), batch["layers"], batch["anchors"], self.model.sharpness)
        return {**parts, "loss": parts["loss"] + EMBEDDING * alike, "alike": alike}

    def validate(self, model: torch.nn.Module) -> Tuple[Dict[str, float], torch.Tensor]:
        g = self.machine.generator(4321)
        prompt, answers = self.click, []
        for _ in range(3):
            answers.append(model(self.image, prompt).float())
            prompt = correct(g, prompt, self.target, answers[-1])
        boxed = model(self.image, self.box).float()
        figures = {"iou_1_click": ious(answers[0], self.target), "iou_3_clicks": ious(answers[2], self.target), "iou_box": ious(boxed, self.target)}
        shown = slice(0, 12)
        image, click, nothing = self.image[shown], self.click[shown], torch.zeros_like(self.click[shown])
        clicked = [tint(image, a[shown, 0] > 0, click) for a in answers]
        columns = [tint(image, self.target[shown] > 0.5, click), *clicked, tint(image, boxed[shown, 0] > 0, nothing)]
        return {k: float(v.mean()) for k, v in figures.items()}, sheet(columns)


def main() -> None:
    args = recipe_parser("Trains the promptable segmenter.").parse_args()
    machine = open_machine(args.device, args.threads)
    torch.manual_seed(args.seed)
    Trainer(SegmentRecipe(load_arrays(args.data), preset_for(args, PRESETS, machine.cuda), machine, args.seed), args, machine).run()


if __name__ == "__main__":
    main()

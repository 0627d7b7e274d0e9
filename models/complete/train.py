"""Trains the completion networks.

    python models/complete/train.py --model prior    --data complete.pack --out RUN/prior    --minutes N
    python models/complete/train.py --model prior    --data complete.pack --out RUN/fine     --minutes N --fine --init RUN/fine.pt
    python models/complete/train.py --model denoiser --data complete.pack --out RUN/denoiser --minutes N --prior RUN/prior

The options of every recipe: ../README.md. The denoiser works without a prior too; with one it gets the prior's answer as four more channels.
"""

import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.bank import make_bank  # noqa: E402
from common.device import Machine, open_machine  # noqa: E402
from common.layers import rand, randn  # noqa: E402
from common.options import preset_for, recipe_parser  # noqa: E402
from common.pictures import sheet  # noqa: E402
from common.trainer import Batch, Trainer  # noqa: E402
from common.weights import load_trained  # noqa: E402
from complete.compose import BANDS, completion_batch  # noqa: E402
from complete.model import TIMESTEPS, Denoiser, cosine_alphas_cumprod  # noqa: E402
from complete.prior import Prior, as_condition, prior_losses  # noqa: E402
from complete.sample import sample  # noqa: E402

# Sizes for the compute: two cores at 64 px, a large GPU at 128 px. At most 40 MB in half precision for both networks together.
PRESETS = {
    "prior": {
        "cpu": {"size": 64, "batch": 16, "lr": 1e-3, "ema": 0.998, "weight_decay": 0.01, "channels_last": True,
                "net": {"widths": [64, 128, 256], "unshuffle": 2}},
        "gpu": {"size": 128, "batch": 512, "lr": 1e-3, "ema": 0.999, "weight_decay": 0.01, "channels_last": True,
                "net": {"widths": [64, 96, 128, 192], "unshuffle": 2}},
    },
    "denoiser": {
        "cpu": {"size": 64, "batch": 16, "lr": 6e-4, "ema": 0.9985, "weight_decay": 0.01, "channels_last": False,
                "net": {"stem": 24, "widths": [48, 96, 192], "blocks": 1, "temb": 256}},
        "gpu": {"size": 128, "batch": 512, "lr": 8e-4, "ema": 0.9995, "weight_decay": 0.01, "channels_last": True,
                "net": {"stem": 64, "widths": [128, 192, 224], "blocks": 2, "temb": 256, "patch": 2}},
    },
}
CASES = 16  # validation cases in each of the four bands


def network(kind: str, config: Dict[str, Any]) -> torch.nn.Module:
    """The untrained network of a checkpoint's config."""
    return Prior(**config) if kind == "prior" else Denoiser(**config)


def trained_prior(path: Path, size: int, machine: Machine) -> Prior:
    """A prior with its averaged weights, frozen. Throws ValueError for one of another size than the denoiser's."""
    trained = load_trained(path)
    if trained.config["size"] != size:
        raise ValueError(f"{path}: expected a prior of {size} px beside this denoiser, came one of {trained.config['size']} px")
    model = Prior(**trained.config)
    model.load_state_dict(trained.state)
    layout = torch.channels_last
    return model.requires_grad_(False).eval().to(machine.device).to(memory_format=layout)


def mask_iou(logit: torch.Tensor, batch: Batch) -> List[float]:
    """Mean IoU by band of logit > 0 or visible [N,S,S] with the whole object's mask; the cases are in the order of the bands."""
    guess = (logit > 0) | (batch["visible"][:, 0] > 0.5)
    truth = batch["x0"][:, 3] > 0
    each = (guess & truth).sum((1, 2)) / (guess | truth).sum((1, 2)).clamp(min=1)
    return [float(v.mean()) for v in each.split(len(each) // len(BANDS))]


class Complete:
    """What both recipes share: pairs composed on the device, and fixed held-out cases of every band."""

    def __init__(self, pack: Dict[str, Any], values: Dict[str, Any], machine: Machine, model: torch.nn.Module, config: Dict[str, Any], seed: int):
        self.values, self.config, self.machine, self.size = values, config, machine, values["size"]
        self.model = model.to(machine.device)
        self.bank = make_bank(pack, (0,), machine.device, seed=seed)
        held = make_bank(pack, (1,), machine.device, shapes=200, seed=seed)
        g = machine.generator(1234)
        parts = [completion_batch(held, g, CASES, self.size, augment=False, band=band) for band in BANDS]
        self.cases = {k: torch.cat([p[k] for p in parts]) for k in parts[0]}
        self.case_noise = randn(g, len(self.cases["x0"]), 4, self.size, self.size)

    def batch(self, g: torch.Generator, n: int) -> Batch:
        return completion_batch(self.bank, g, n, self.size)

    def picture(self, answers: List[torch.Tensor]) -> torch.Tensor:
        """Every fourth case: photo, visible part, truth and answers with their alpha. answers [N,4,S,S] of these cases, premultiplied."""
        rows = slice(0, None, 4)
        cond, x0 = self.cases["cond"][rows], self.cases["x0"][rows]
        shown = [x0, *answers]
        return sheet([cond[:, 4:7], cond[:, :3], *[x[:, :3] for x in shown], *[x[:, 3:] for x in shown]])


class PriorRecipe(Complete):
    def loss(self, model: Callable[..., torch.Tensor], batch: Batch, g: torch.Generator) -> Dict[str, torch.Tensor]:
        return prior_losses(model(batch["cond"]), batch)

    def validate(self, model: torch.nn.Module) -> Tuple[Dict[str, float], torch.Tensor]:
        out = model(self.cases["cond"]).float()
        losses = {k: float(v) for k, v in prior_losses(out, self.cases).items()}
        bands = mask_iou(out[:, 3], self.cases)
        alpha = torch.sigmoid(out[::4, 3:])
        answer = torch.cat([out[::4, :3].clamp(-1, 1) * alpha, 2 * alpha - 1], 1)
        return {**losses, "mask_iou": sum(bands) / len(bands), "mask_iou_most_hidden": bands[-1]}, self.picture([answer])


class DenoiserRecipe(Complete):
    def __init__(self, *args: Any, prior: Optional[Prior] = None):
        super().__init__(*args)
        self.prior = prior
        self.abar = cosine_alphas_cumprod().float().to(self.machine.device)
        n = len(self.cases["x0"])
        self.case_t = torch.linspace(20, TIMESTEPS - 1, n, device=self.machine.device).round()[torch.randperm(n, generator=torch.Generator().manual_seed(1234))]

    def guess(self, cond: torch.Tensor) -> List[torch.Tensor]:
        """The prior's channels as a list to be passed on; empty without a prior."""
        if self.prior is None:
            return []
        with torch.no_grad():
            return [as_condition(self.prior(cond))]

    def noised(self, x0: torch.Tensor, t: torch.Tensor, noise: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        """x_t and v, both [B,4,S,S]."""
        ab = self.abar[t.long()][:, None, None, None]
        return ab.sqrt() * x0 + (1 - ab).sqrt() * noise, ab.sqrt() * noise - (1 - ab).sqrt() * x0

    def loss(self, model: Callable[..., torch.Tensor], batch: Batch, g: torch.Generator) -> Dict[str, torch.Tensor]:
        x0, b = batch["x0"], len(batch["x0"])
        keep = (rand(g, b, 1, 1, 1) >= 0.1).float()  # dropped conditions teach guidance
        cond, guess = batch["cond"] * keep, [p * keep for p in self.guess(batch["cond"])]
        # more often noisy than not: what is hidden is decided there
        t = (TIMESTEPS * rand(g, b) ** 0.7).floor().clamp(max=TIMESTEPS - 1)
        xt, target = self.noised(x0, t, randn(g, *x0.shape))
        v = model(xt, cond, t, *guess)
        # plain v weighting; where something is in front counts four times. That depends on the scene and not on the answer, so
        # it shifts effort and not the distribution that is learned. Scenes that are not ok weigh nothing.
        ok = batch["ok"].float()[:, None, None, None]
        error = ((1 + 3 * batch["covered"]) * (v.float() - target) ** 2 * ok).mean() / ok.mean().clamp(min=1e-3)
        return {"loss": error}

    def validate(self, model: torch.nn.Module) -> Tuple[Dict[str, float], torch.Tensor]:
        guess = self.guess(self.cases["cond"])
        xt, target = self.noised(self.cases["x0"], self.case_t, self.case_noise)
        error = ((model(xt, self.cases["cond"], self.case_t, *guess).float() - target) ** 2).mean()
        some = slice(0, None, 4)
        shown = [sample(model, self.cases["cond"][some], 6, 1.0, 2.0, seed, guess[0][some] if guess else None) for seed in (0, 1)]
        bands = mask_iou(shown[0][:, 3], {k: v[some] for k, v in self.cases.items()})
        return {"loss": float(error), "mask_iou": sum(bands) / len(bands), "mask_iou_most_hidden": bands[-1]}, self.picture(shown)


def main() -> None:
    parser = recipe_parser("Trains the completion prior or denoiser.")
    parser.add_argument("--model", choices=["prior", "denoiser"], required=True)
    parser.add_argument("--prior", type=Path, help="of a denoiser: a trained prior (run, checkpoint or safetensors)")
    parser.add_argument("--fine", action="store_true", help="of a prior: twice the preset's pixels in as many cells; --init from what refine.py makes of a prior")
    args = parser.parse_args()
    machine = open_machine(args.device, args.threads)
    torch.manual_seed(args.seed)
    values = preset_for(args, PRESETS[args.model], machine.cuda)
    if args.fine:
        if args.model != "prior":
            parser.error("--fine belongs to --model prior")
        values = {**values, "size": 2 * values["size"], "net": {**values["net"], "unshuffle": 2 * values["net"]["unshuffle"]}}
    config = {**values["net"], "size": values["size"], **({"prior": True} if args.prior else {})}
    common = (load_arrays(args.data), values, machine, network(args.model, config), config, args.seed)
    if args.model == "prior":
        if args.prior:
            parser.error("--prior belongs to --model denoiser")
        recipe: Any = PriorRecipe(*common)
    else:
        recipe = DenoiserRecipe(*common, prior=trained_prior(args.prior, values["size"], machine) if args.prior else None)
    Trainer(recipe, args, machine).run()


if __name__ == "__main__":
    main()

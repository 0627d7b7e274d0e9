"""Fits the recogniser: streams pictures of named objects through the completion prior's encoder and maps its features to the text table.

    python models/recognise/train.py --data complete.pack --prior RUN/prior --out RUN/recognise --minutes N [--resume]

The map is linear, and the best one for all pictures seen (ridge regression) follows from sums over them, so nothing is iterated: under little compute
the minutes all go into more pictures. --resume goes on adding to the sums. The run's folder: last.pt, log.jsonl, val.png, weights/. The text table is
made before, by distil.py.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Dict, Tuple

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.device import Machine, open_machine  # noqa: E402
from common.pictures import save_picture, sheet  # noqa: E402
from common.trainer import STARTED  # noqa: E402
from common.weights import load_trained, read_checkpoint, write_weights  # noqa: E402
from complete.compose import completion_batch  # noqa: E402
from complete.prior import Prior  # noqa: E402
from recognise.names import label_set  # noqa: E402
from recognise.net import tower_from  # noqa: E402
from recognise.pictures import KINDS, named_bank, shown_pictures, training_pictures  # noqa: E402
from recognise.table import TextTable  # noqa: E402

HERE = Path(__file__).resolve().parent
BATCH = {"cpu": 20, "gpu": 512}  # scenes, each of one picture of every kind
CASES = 128
KIND_WEIGHTS = (0.5, 1.0, 1.0)  # occluded photo, visible part, whole object
RIDGES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)  # of each feature's variance times the root of their number; validation objects choose
LOG_SECONDS = 30.0


class Fit:
    """Sums over pictures: of kinds K, features with a one appended [K,F+1,F+1] and of features with texts [K,F+1,DIMS], both weighted."""

    def __init__(self, args: argparse.Namespace, machine: Machine):
        self.machine, self.batch = machine, BATCH["gpu" if (args.preset == "gpu" or (args.preset == "auto" and machine.cuda)) else "cpu"]
        pack, text = load_arrays(args.data), TextTable(args.text)
        trained = load_trained(args.prior)
        prior = Prior(**trained.config)
        prior.load_state_dict(trained.state)
        self.config = {"prior": trained.config}
        self.tower = tower_from(prior, trained.config).eval().to(machine.device)
        self.size = self.tower.size
        labels = label_set(pack, [0])
        self.texts = text.embed(labels).to(machine.device)
        self.bank, self.label = named_bank(pack, (0,), labels, machine.device, shapes=900, seed=args.seed)
        # frequent names weigh less, but not in proportion
        chance = torch.diff(self.bank.chances, prepend=self.bank.chances.new_zeros(1))
        often = torch.zeros(len(labels), device=machine.device).index_add_(0, self.label, chance)
        self.weight = 1 / often[self.label].clamp(min=1e-5).sqrt()
        self.weight = self.weight / (self.weight * chance).sum()
        unseen = label_set(pack, [1])
        self.unseen = text.embed(unseen).to(machine.device)
        bank, place = named_bank(pack, (1,), unseen, machine.device, shapes=200, seed=args.seed)
        d = completion_batch(bank, machine.generator(1234), CASES, 2 * self.size, augment=False)
        d = {k: v[d["ok"]] for k, v in d.items()}
        self.right = place[d["index"]]
        self.shown = shown_pictures(d, self.size)
        self.shown_features = [self.features(p) for p in self.shown]
        self.generator = machine.generator(args.seed + 1)
        wide = self.tower.head.in_features + 1
        self.gram = torch.zeros(len(KINDS), wide, wide, dtype=torch.float64, device=machine.device)
        self.cross = torch.zeros(len(KINDS), wide, self.texts.shape[1], dtype=torch.float64, device=machine.device)
        self.step, self.spent = 0, 0.0

    def features(self, pictures: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), self.machine.autocast():
            f = torch.cat([self.tower.features(p) for p in pictures.split(64)])
        return torch.cat([f, torch.ones_like(f[:, :1])], 1).double()

    def add(self) -> None:
        pictures, index = training_pictures(self.bank, self.generator, self.batch, self.size)
        f, wanted, weight = self.features(pictures), self.texts[self.label[index]].double(), self.weight[index].double()
        for k, (a, b, w) in enumerate(zip(f.chunk(len(KINDS)), wanted.chunk(len(KINDS)), weight.chunk(len(KINDS)))):
            self.gram[k] += a.T @ (a * w[:, None])
            self.cross[k] += a.T @ (b * w[:, None])
        self.step += 1

    def solve(self) -> Tuple[torch.Tensor, Dict[str, float]]:
        """The map [F+1,DIMS], of the ridge that serves validation objects best (visible part and whole, top 1 plus top 3), and figures."""
        share = torch.tensor(KIND_WEIGHTS, dtype=torch.float64, device=self.gram.device)[:, None, None]
        gram, cross = (self.gram * share).sum(0), (self.cross * share).sum(0)
        count = gram[-1, -1].clone()
        gram, cross = gram / count, cross / count
        mean = gram[-1, :-1]
        spread = (gram.diagonal()[:-1] - mean**2).clamp(min=1e-12)
        best: Tuple[float, torch.Tensor, Dict[str, float]] = (-1.0, cross, {})
        for ridge in RIDGES:
            penalty = torch.cat([ridge * len(spread) ** 0.5 * spread, spread.new_zeros(1)])
            found = torch.linalg.solve(gram + torch.diag(penalty + 1e-9), cross)
            figures = {"ridge": ridge}
            for kind, f in zip(KINDS, self.shown_features):
                hit = (F.normalize(f @ found, dim=1) @ self.unseen.double().T).argsort(1, descending=True) == self.right[:, None]
                name = kind.split()[0]
                figures[f"{name}_top1"], figures[f"{name}_top3"] = (float(hit[:, :k].any(1).double().mean()) for k in (1, 3))
            score = sum(figures[f"{name}_top{k}"] for name in ("visible", "whole") for k in (1, 3))
            if score > best[0]:
                best = (score, found, figures)
        return best[1], best[2]


def main() -> None:
    p = argparse.ArgumentParser(description="Fits the recogniser.")
    p.add_argument("--data", type=Path, required=True, help="a pack made by `npm run data`, or an .npz with the same arrays")
    p.add_argument("--prior", type=Path, required=True, help="of the completion model: a run, a checkpoint or a folder of safetensors")
    p.add_argument("--out", type=Path, required=True, help="folder of the run")
    length = p.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="of wall clock, start-up included. With --resume: in all")
    length.add_argument("--steps", type=int, help="in place of minutes: exactly reproducible")
    p.add_argument("--call-steps", type=int, help="end this call, checkpointed, after so many steps; --resume goes on")
    p.add_argument("--resume", action="store_true", help="go on from OUT/last.pt where there is one")
    p.add_argument("--preset", choices=["auto", "cpu", "gpu"], default="auto")
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    p.add_argument("--threads", type=int, default=0)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--text", type=Path, default=HERE, help="folder of the text table: vocab.txt, tokens.i8, scales.f32")
    args = p.parse_args()
    machine = open_machine(args.device, args.threads)
    torch.manual_seed(args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    run(Fit(args, machine), args)


def run(fit: Fit, args: argparse.Namespace) -> None:
    checkpoint, log = args.out / "last.pt", args.out / "log.jsonl"
    if args.resume and checkpoint.exists():
        state = read_checkpoint(checkpoint)
        if state["config"] != fit.config:
            raise ValueError(f"{checkpoint}: expected a prior {fit.config}, came {state['config']}; use the same --prior or a new --out")
        fit.gram, fit.cross = (state[k].to(fit.gram.device) for k in ("gram", "cross"))
        fit.generator.set_state(state["rng"])
        fit.step, fit.spent = state["step"], state["spent"]
    else:
        log.unlink(missing_ok=True)
    before, first, stopping = fit.spent, fit.step, []
    previous = {s: signal.signal(s, lambda *_: stopping.append(True)) for s in (signal.SIGINT, signal.SIGTERM)}

    def note(**values: Any) -> None:
        with open(log, "a") as file:
            file.write(json.dumps(values) + "\n")
        print(json.dumps(values), flush=True)

    def elapsed() -> float:
        return before + time.time() - STARTED

    def over() -> bool:
        return fit.step >= args.steps if args.minutes is None else elapsed() >= 60 * args.minutes

    def save() -> Dict[str, Any]:
        found, figures = fit.solve()
        fit.spent = elapsed()
        state = {"config": fit.config, "gram": fit.gram, "cross": fit.cross, "rng": fit.generator.get_state(), "step": fit.step, "spent": fit.spent}
        torch.save(state, checkpoint.with_suffix(".part"))
        os.replace(checkpoint.with_suffix(".part"), checkpoint)
        fit.tower.head.weight.data, fit.tower.head.bias.data = found[:-1].T.float().contiguous(), found[-1].float()
        note(step=fit.step, minutes=round(elapsed() / 60, 2), pictures=len(KINDS) * fit.step * fit.batch,
             val={k: round(v, 5) for k, v in figures.items()})
        return state

    note(start=fit.step, batch=fit.batch, **fit.machine.describe(), parameters=sum(p.numel() for p in fit.tower.parameters()))
    save_picture(sheet([shown[:16, :3] for shown in fit.shown]), args.out / "val.png")
    saved = time.time()
    try:
        while not over() and not stopping and (args.call_steps is None or fit.step - first < args.call_steps):
            fit.add()
            if time.time() - saved > LOG_SECONDS:
                save()
                saved = time.time()
        save()
        if over():
            files = write_weights(args.out / "weights", fit.tower.state_dict(), fit.config, fit.step, fit.spent / 60)
            note(done=fit.step, minutes=round(fit.spent / 60, 2), files=len(files), bytes=sum(f.stat().st_size for f in files))
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()

"""The one training loop: time-boxed, resumable to the bit, logged, averaged.

A run's folder holds last.pt (all that an exact continuation needs), log.jsonl (one object a line), val.png (the fixed validation
cases) and, when the run has ended, weights/ (safetensors).
"""

import argparse
import json
import math
import os
import signal
import time
from pathlib import Path
from typing import Any, Callable, Dict, Protocol, Tuple

import torch

from common.compiling import compiled
from common.device import TORCH_MAJOR, Machine, Meter
from common.ema import Average
from common.graphs import load_graph
from common.pictures import save_picture
from common.weights import load_grown, load_trained, read_checkpoint, write_weights

LOG_STEPS = 50
WARM_UP = 100  # steps
FLAT = 0.3  # share of the run at the peak rate before the cosine begins
FLOOR = 0.01  # of the peak rate, at the end
Batch = Dict[str, torch.Tensor]


def process_start() -> float:
    """Unix time at which this process began, where the system tells, else now: what a rented machine is paid for includes importing PyTorch."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.time()


STARTED = process_start()


class Recipe(Protocol):
    """What a model's folder brings along. Everything is on the machine's device; nothing in `batch` and `loss` may wait for it."""

    model: torch.nn.Module
    config: Dict[str, Any]  # rebuilds the network; stored with the weights
    values: Dict[str, Any]  # the preset: batch, lr, ema, weight_decay, channels_last, and what is the recipe's own

    def batch(self, g: torch.Generator, n: int) -> Batch:
        """n samples, drawn from g alone."""

    def loss(self, model: Callable[..., Any], batch: Batch, g: torch.Generator) -> Dict[str, torch.Tensor]:
        """{"loss": what is minimised, and its parts}: scalars on the device. Called under autocast."""

    def validate(self, model: torch.nn.Module) -> Tuple[Dict[str, float], torch.Tensor]:
        """Figures and a picture [3,H,W] in -1..1 of the same held-out cases every time. Called under autocast and no_grad."""


def rate(progress: float, step: int) -> float:
    """Share of the peak learning rate: warm-up, flat, cosine. progress 0..1 of the run."""
    p = min(1.0, max(0.0, (progress - FLAT) / (1 - FLAT)))
    return min(1.0, (step + 1) / WARM_UP) * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * p)))


def optimiser(model: torch.nn.Module, values: Dict[str, Any], machine: Machine) -> torch.optim.AdamW:
    """AdamW; norms and biases are not decayed."""
    matrices, vectors = [p for p in model.parameters() if p.ndim > 1], [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": values["weight_decay"]}, {"params": vectors, "weight_decay": 0.0}]
    fused = {"fused": True} if machine.cuda and TORCH_MAJOR >= 2 else {}
    return torch.optim.AdamW(groups, lr=values["lr"], betas=(0.9, 0.98), **fused)


class Clock:
    """How much of the run is done, in minutes or in steps, over all its calls."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.before = 0.0  # seconds of earlier calls
        self.first_step = 0

    def spent(self) -> float:
        """Seconds of wall clock in all calls, start-ups included."""
        return self.before + time.time() - STARTED

    def progress(self, step: int) -> float:
        return step / self.args.steps if self.args.steps else self.spent() / (60 * self.args.minutes)

    def call_over(self, step: int) -> bool:
        a = self.args
        return (a.call_steps is not None and step - self.first_step >= a.call_steps) or \
            (a.call_minutes is not None and time.time() - STARTED >= 60 * a.call_minutes)


class Trainer:
    def __init__(self, recipe: Recipe, args: argparse.Namespace, machine: Machine):
        self.recipe, self.args, self.machine = recipe, args, machine
        self.out: Path = args.out
        self.out.mkdir(parents=True, exist_ok=True)
        self.clock = Clock(args)
        self.values = recipe.values
        self.model = recipe.model
        if args.init and not (args.resume and self.checkpoint_path.exists()):
            if args.init.suffix == ".onnx":
                load_graph(self.model, args.init)
            else:
                load_grown(self.model, load_trained(args.init).state)
        self.layout = torch.channels_last if self.values["channels_last"] else torch.contiguous_format
        self.model.to(memory_format=self.layout)
        self.average = Average(self.model, self.values["ema"])
        self.optimiser = optimiser(self.model, self.values, machine)
        self.generator = machine.generator(args.seed + 1)
        self.step, self.samples = 0, 0
        self.validated = -1  # the step of the last validation
        self.stopping = False
        if args.resume and self.checkpoint_path.exists():
            self.restore()
        else:
            self.log_path.unlink(missing_ok=True)
        self.fixed = recipe.batch(machine.generator(args.seed + 2), args.overfit) if args.overfit else None

    @property
    def checkpoint_path(self) -> Path:
        return self.out / "last.pt"

    @property
    def log_path(self) -> Path:
        return self.out / "log.jsonl"

    def note(self, **values: Any) -> None:
        """One line of the log, shown as well."""
        line = json.dumps(values)
        with open(self.log_path, "a") as log:
            log.write(line + "\n")
        print(line, flush=True)

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(), "ema": self.average.model.state_dict(), "opt": self.optimiser.state_dict(), "config": self.recipe.config,
            "rng": self.generator.get_state(), "torch_rng": torch.get_rng_state(), "step": self.step, "samples": self.samples, "spent": self.clock.spent(),
        }
        if self.machine.cuda:
            state["cuda_rng"] = torch.cuda.get_rng_state()
        part = self.checkpoint_path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self.checkpoint_path)

    def restore(self) -> None:
        state = read_checkpoint(self.checkpoint_path)
        if "torch_rng" not in state:
            raise ValueError(f"{self.checkpoint_path}: a checkpoint of an older recipe cannot be resumed; use --init {self.checkpoint_path} and a new --out")
        if state["config"] != self.recipe.config:
            raise ValueError(f"{self.checkpoint_path}: expected a network {self.recipe.config}, came {state['config']}; use the same options or a new --out")
        self.model.load_state_dict(state["model"])
        self.average.model.load_state_dict(state["ema"])
        self.optimiser.load_state_dict(state["opt"])
        self.generator.set_state(state["rng"])
        torch.set_rng_state(state["torch_rng"])
        if self.machine.cuda and "cuda_rng" in state:
            torch.cuda.set_rng_state(state["cuda_rng"])
        self.step, self.samples = state["step"], state["samples"]
        self.clock.before, self.clock.first_step = state["spent"], self.step

    def validate(self) -> None:
        if self.validated == self.step:
            return
        self.validated = self.step
        with torch.no_grad(), self.machine.autocast():
            figures, picture = self.recipe.validate(self.average.model)
        self.note(step=self.step, minutes=round(self.clock.spent() / 60, 2), val={k: round(v, 5) for k, v in figures.items()})
        save_picture(picture, self.out / "val.png")

    def forward(self, network: Callable[..., Any], g: torch.Generator, n: int) -> Dict[str, torch.Tensor]:
        batch = self.fixed if self.fixed is not None else self.recipe.batch(g, n)
        batch = {k: v.contiguous(memory_format=self.layout) if v.ndim == 4 else v for k, v in batch.items()}
        with self.machine.autocast():
            parts = self.recipe.loss(network, batch, g)
        parts["loss"].backward()
        return parts

    def try_out(self, network: Callable[..., Any]) -> None:
        """One step whose randomness and gradients are thrown away."""
        state = torch.get_rng_state()
        self.forward(network, self.machine.generator(0), self.values["batch"])
        self.optimiser.zero_grad(set_to_none=True)
        torch.set_rng_state(state)

    def run(self) -> None:
        """Trains until the run's or the call's end, or a signal. Writes the weights when the run is complete."""
        previous = {s: signal.signal(s, self.stop) for s in (signal.SIGINT, signal.SIGTERM)}
        meter = Meter(self.machine)
        try:
            network, how = compiled(self.model, self.args.compile, self.machine, self.try_out)
            self.note(start=self.step, batch=self.args.overfit or self.values["batch"], **self.machine.describe(), **how,
                      parameters=sum(p.numel() for p in self.model.parameters()), startup_s=round(time.time() - STARTED, 1))
            if self.step == 0:
                self.validate()
            self.loop(network, meter)
            if self.step == 0 and not self.stopping:
                raise TimeoutError(f"the start-up took all of the {self.clock.spent() / 60:.1f} minutes and nothing was trained; give more --minutes")
            self.save()
            self.validate()
            if self.clock.progress(self.step) >= 1:
                files = write_weights(self.out / "weights", self.average.model.state_dict(), self.recipe.config, self.step, self.clock.spent() / 60)
                self.note(done=self.step, samples=self.samples, minutes=round(self.clock.spent() / 60, 2), files=len(files),
                          bytes=sum(f.stat().st_size for f in files))
        finally:
            meter.close()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def stop(self, number: int, frame: Any) -> None:
        """The first signal ends the run after its step, with a checkpoint; the second ends it at once."""
        if self.stopping:
            raise KeyboardInterrupt
        self.stopping = True

    def loop(self, network: Callable[..., Any], meter: Meter) -> None:
        sums: Dict[str, torch.Tensor] = {}
        since, since_step, saved = time.time(), self.step, time.time()
        n = self.args.overfit or self.values["batch"]
        while not self.stopping and not self.clock.call_over(self.step):
            progress = self.clock.progress(self.step)
            if progress >= 1:
                break
            share = rate(progress, self.step)
            for group in self.optimiser.param_groups:
                group["lr"] = self.values["lr"] * share
            parts = self.forward(network, self.generator, n)
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimiser.step()
            self.optimiser.zero_grad(set_to_none=True)
            self.average.update(self.step)
            self.step += 1
            self.samples += n
            for name, value in parts.items():
                sums[name] = sums[name] + value.detach() if name in sums else value.detach()
            if self.step % LOG_STEPS:
                continue
            # the only place that waits for the device
            count, values = self.step - since_step, {k: float(v) for k, v in sums.items()}
            now = time.time()
            self.note(step=self.step, minutes=round(self.clock.spent() / 60, 2), **{k: round(v / count, 5) for k, v in values.items()},
                      lr=round(self.values["lr"] * share, 7), per_s=round(count * n / (now - since), 1), **meter.read())
            if not math.isfinite(values["loss"]):
                raise FloatingPointError(f"the loss is {values['loss']} within steps {since_step}..{self.step}; the last good state is in "
                                         f"{self.checkpoint_path}: --resume it with a lower --lr")
            sums = {}
            if now - saved > 60 * self.args.checkpoint_minutes:
                self.save()
                self.validate()
                saved = time.time()
            since, since_step = time.time(), self.step

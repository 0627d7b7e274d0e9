"""The command line that every recipe has."""

import argparse
from pathlib import Path
from typing import Any, Dict, Mapping


def recipe_parser(description: str) -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=description)
    p.add_argument("--data", type=Path, required=True, help="a pack made by `npm run data`, or an .npz with the same arrays")
    p.add_argument("--out", type=Path, required=True, help="folder of the run: last.pt, log.jsonl, val.png, weights/")
    length = p.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="of wall clock, start-up included; the learning rate follows it. With --resume: in all")
    length.add_argument("--steps", type=int, help="in place of minutes: exactly reproducible")
    p.add_argument("--call-minutes", type=float, help="end this call, checkpointed, after so much of the run; --resume goes on")
    p.add_argument("--call-steps", type=int, help="the same in steps")
    p.add_argument("--resume", action="store_true", help="go on from OUT/last.pt where there is one")
    p.add_argument("--init", type=Path, help="start from the weights of a checkpoint, a run, a folder of safetensors or a shipped graph (.onnx)")
    p.add_argument("--preset", choices=["auto", "cpu", "gpu"], default="auto")
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    p.add_argument("--threads", type=int, default=0, help="of the CPU; 0: one on a CPU run, PyTorch's choice on a GPU")
    p.add_argument("--compile", choices=["auto", "on", "off"], default="auto")
    p.add_argument("--batch", type=int, help="in place of the preset's")
    p.add_argument("--lr", type=float, help="peak, in place of the preset's")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--overfit", type=int, default=0, metavar="N", help="train on N fixed samples: a check of the recipe, not a training")
    p.add_argument("--checkpoint-minutes", type=float, default=2.0, help="between checkpoints, each with a validation")
    return p


def preset_for(args: argparse.Namespace, presets: Mapping[str, Mapping[str, Any]], cuda: bool) -> Dict[str, Any]:
    """The preset's values with --batch and --lr put in."""
    values = dict(presets[args.preset if args.preset != "auto" else ("gpu" if cuda else "cpu")])
    for name in ("batch", "lr"):
        if getattr(args, name) is not None:
            values[name] = getattr(args, name)
    return values

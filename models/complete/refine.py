"""The weights of a trained prior for pictures twice as fine: the same answers to begin with, pixels of their own to learn.

    python models/complete/refine.py --prior RUN/prior --out RUN/fine.pt        then train.py --model prior --fine --init RUN/fine.pt

The network behind the first convolution keeps its width and its grid: a cell of it holds four times the pixels.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Dict, Tuple

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.weights import load_trained  # noqa: E402


def finer(config: Dict[str, Any], state: Dict[str, torch.Tensor]) -> Tuple[Dict[str, Any], Dict[str, torch.Tensor]]:
    """Config and weights for size 2 S and unshuffle 2 r from those for S and r. An old sub-pixel becomes the mean of four on the way in and
    four copies on the way out."""
    r = config.get("unshuffle", 2)
    old = (torch.arange(2 * r)[:, None] // 2 * r + torch.arange(2 * r)[None] // 2).flatten()  # of each new sub-pixel

    def split(w: torch.Tensor, dim: int) -> torch.Tensor:
        """Channels c r^2 + place along dim -> c (2 r)^2 + place."""
        parts = w.unflatten(dim, (-1, r * r))
        return parts.index_select(dim + 1, old).flatten(dim, dim + 1)

    fine = dict(state)
    fine["stem.weight"] = split(state["stem.weight"], 1) / 4
    for name in ("head.weight", "head.bias"):
        fine[name] = split(state[name], 0)
    return {**config, "size": 2 * config["size"], "unshuffle": 2 * r}, fine


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--prior", type=Path, required=True, help="a run's folder, a checkpoint or a folder of safetensors")
    ap.add_argument("--out", type=Path, required=True)
    a = ap.parse_args()
    trained = load_trained(a.prior)
    config, state = finer(trained.config, trained.state)
    torch.save({"config": config, "ema": state, "model": state, "step": trained.step, "spent": 60 * trained.minutes}, a.out)


if __name__ == "__main__":
    main()

"""Measures what a user gets, the whole segment stage through the command line, on held-out composites enlarged three times.

    npm run build
    python models/segment/evaluate_stage.py --data complete.pack [--models DIR] [--cases 40] [--prompts clicks|box]
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.bank import extent, make_bank  # noqa: E402
from common.device import open_machine  # noqa: E402
from segment.net import SIZE  # noqa: E402
from segment.prompts import clicks_inside, inner, next_click  # noqa: E402
from segment.scenes import choose, scenes  # noqa: E402

PROGRAM = Path(__file__).resolve().parents[2] / "apps/cli/bin/gestalt3d.js"
ENLARGED = 3
Click = Tuple[float, float, bool]


def answer(folder: Path, models: Path, options: List[str]) -> torch.Tensor:
    """[1,S,S] of 0 and 1: the mask of the stage for folder/photo.png. A prompt that gives no mask counts as an empty one."""
    mask = folder / "out" / "mask.png"
    mask.unlink(missing_ok=True)
    command = ["node", str(PROGRAM), "segment", str(folder / "photo.png"), "--models", str(models), "--out", str(folder / "out"), *options]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if not mask.exists():
        return torch.zeros(1, SIZE, SIZE)
    small = Image.open(mask).convert("L").resize((SIZE, SIZE), Image.Resampling.BOX)
    return torch.from_numpy((np.array(small) > 127).astype(np.float32))[None]


def overlap(guess: torch.Tensor, target: torch.Tensor) -> float:
    a, b = guess > 0.5, target > 0.5
    return float((a & b).sum() / (a | b).sum().clamp(min=1))


def pointed(clicks: List[Click]) -> List[str]:
    return [w for x, y, positive in clicks for w in ("--point", f"{x * ENLARGED:.1f},{y * ENLARGED:.1f}" + ("" if positive else ",-"))]


def boxed(target: torch.Tensor) -> List[str]:
    """--box of the bounding box of target [1,S,S]."""
    solid = target > 0.5
    (x0, x1), (y0, y1) = ([int(v) * ENLARGED for v in extent(solid.any(axis))] for axis in (1, 2))
    return ["--box", f"{x0},{y0},{x1},{y1}"]


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--models", type=Path, default=Path(__file__).resolve().parents[1])
    ap.add_argument("--split", type=int, default=2, help="0 train, 1 validation, 2 test")
    ap.add_argument("--cases", type=int, default=40)
    ap.add_argument("--prompts", choices=["clicks", "box"], default="clicks")
    ap.add_argument("--seed", type=int, default=99)
    a = ap.parse_args()
    machine = open_machine("cpu")
    bank = make_bank(load_arrays(a.data), (a.split,), machine.device, shapes=300, seed=a.seed)
    g = machine.generator(a.seed)
    scores: Dict[str, List[float]] = {}
    done = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        while done < a.cases:
            image, target, _, ok = choose(g, *scenes(bank, g, 20), 1)
            for photo, wanted in list(zip(image[ok], target[ok]))[: a.cases - done]:
                pixels = ((photo.permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
                Image.fromarray(pixels).resize((SIZE * ENLARGED, SIZE * ENLARGED), Image.Resampling.BICUBIC).save(folder / "photo.png")
                wanted = wanted[None]
                if a.prompts == "box":
                    scores.setdefault("box", []).append(overlap(answer(folder, a.models, boxed(wanted)), wanted))
                else:
                    at, positive = clicks_inside(g, inner(wanted), 1), torch.tensor([True])
                    clicks: List[Click] = []
                    for n in range(1, 4):
                        clicks.append((float(at[0, 0, 0]), float(at[0, 0, 1]), bool(positive)))
                        guess = answer(folder, a.models, pointed(clicks))
                        scores.setdefault(f"{n} click{'s' * (n > 1)}", []).append(overlap(guess, wanted))
                        at, positive = next_click(g, wanted, guess)
                done += 1
    for name, values in scores.items():
        print(f"{name}: {np.mean(values):.3f} over {len(values)}")


if __name__ == "__main__":
    main()

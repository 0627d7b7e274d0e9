"""Measures the segmenter on held-out composites with fixed seeds, and overlays it on photographs.

    python models/segment/evaluate.py --data complete.pack [--model segmenter.onnx|RUN] [--scenes 200] [--out sheet.png]
    python models/segment/evaluate.py --photo file.png --prompt "x,y;x,y;-x,y" or "box:x0,y0,x1,y1" --out overlay.png

RUN is a run's folder, a checkpoint or a folder of safetensors.
"""

import argparse
import sys
from pathlib import Path
from typing import Callable, Dict, List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.bank import make_bank  # noqa: E402
from common.device import Machine, open_machine  # noqa: E402
from common.pictures import save_picture  # noqa: E402
from common.weights import load_trained  # noqa: E402
from segment.net import SIZE, Segmenter  # noqa: E402
from segment.prompts import correct, discs, ious, one_click, only_box, tint  # noqa: E402
from segment.scenes import choose, scenes  # noqa: E402

Model = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
AREAS = ((0, 0.02), (0.02, 0.08), (0.08, 0.25), (0.25, 1.0))  # of the visible part, shares of the frame


def load(path: str, machine: Machine) -> Model:
    if path.endswith(".onnx"):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda i, p: torch.from_numpy(session.run(None, {"image": i.cpu().numpy(), "prompt": p.cpu().numpy()})[0]).to(i.device)
    trained = load_trained(Path(path))
    model = Segmenter(**trained.config).eval().to(machine.device)
    model.load_state_dict(trained.state)
    return torch.no_grad()(model)


def composites(model: Model, a: argparse.Namespace, machine: Machine) -> None:
    bank = make_bank(load_arrays(a.data), (a.split,), machine.device, shapes=300, seed=a.seed)
    g = machine.generator(a.seed)
    rows: Dict[str, List[torch.Tensor]] = {}
    areas, tiles = [], []
    for start in range(0, a.scenes, 20):
        image, target, area, ok = choose(g, *scenes(bank, g, 20), 1)
        image, target = image[ok], target[ok]
        areas.append(area[ok])
        one, box = one_click(g, target), only_box(g, target)
        prompt, answers = one, []
        for _ in range(5):
            answers.append(model(image, prompt))
            prompt = correct(g, prompt, target, answers[-1])
        boxed = model(image, box)
        named = {"1 click": answers[0], "2 clicks": answers[1], "3 clicks": answers[2], "5 clicks": answers[4], "box": boxed}
        named["the box itself"] = box[:, 2:] * 2 - 1
        for name, logits in named.items():
            rows.setdefault(name, []).append(ious(logits, target))
        if start < 60:
            nothing = torch.zeros_like(one)
            columns = (target > 0.5, one), (answers[0][:, 0] > 0, one), (boxed[:, 0] > 0, nothing)
            tiles += list(torch.cat([tint(image, mask, prompt) for mask, prompt in columns], 3)[:16])
    area = torch.cat(areas)
    print("| prompt | " + " | ".join(f"{int(100 * lo)}-{int(100 * hi)} % of the frame" for lo, hi in AREAS) + " | all |")
    print("| --- |" + " --- |" * (len(AREAS) + 1))
    for name, parts in rows.items():
        v = torch.cat(parts)
        print(f"| {name} | " + " | ".join(f"{v[(area >= lo) & (area < hi)].mean():.3f}" for lo, hi in AREAS) + f" | {v.mean():.3f} |")
    print("objects:", [int(((area >= lo) & (area < hi)).sum()) for lo, hi in AREAS])
    if a.out:
        rows_ = [torch.cat(tiles[i : i + 4], 2) for i in range(0, len(tiles) // 4 * 4, 4)]
        save_picture(torch.cat(rows_, 1), a.out)


Points = List[Tuple[float, float, bool]]


def look(model: Model, photo: torch.Tensor, x: float, y: float, side: float, points: Points,
         box: Optional[List[float]]) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits [S,S], image [3,S,S] and prompt [3,S,S] of a square of the photo [3,H,W] in pixels; what lies outside is 0."""
    _, h, w = photo.shape
    theta = torch.tensor([[[side / w, 0, (2 * x + side) / w - 1], [0, side / h, (2 * y + side) / h - 1]]])
    k = max(1, round(side / SIZE))
    grid = F.affine_grid(theta, [1, 1, SIZE * k, SIZE * k], align_corners=False)
    image = F.avg_pool2d(F.grid_sample(photo[None], grid, align_corners=False), k)
    scale = SIZE / side
    prompt = torch.zeros(1, 3, SIZE, SIZE)
    for i, want in enumerate((True, False)):
        at = [((px - x) * scale, (py - y) * scale) for px, py, positive in points if positive == want]
        if at:
            prompt[0, i] = discs(torch.tensor([at]))[0]
    if box:
        ax = (torch.arange(SIZE) + 0.5) / scale
        prompt[0, 2] = (((ax + x >= box[0]) & (ax + x <= box[2]))[None] & ((ax + y >= box[1]) & (ax + y <= box[3]))[:, None]).float()
    return model(image, prompt)[0, 0], image[0], prompt[0]


def photograph(model: Model, a: argparse.Namespace) -> None:
    photo = torch.from_numpy(np.array(Image.open(a.photo).convert("RGB"))).permute(2, 0, 1).float() / 127.5 - 1
    _, h, w = photo.shape
    points: Points = []
    box: Optional[List[float]] = None
    if a.prompt.startswith("box:"):
        box = [float(v) for v in a.prompt[4:].split(",")]
    else:
        for p in a.prompt.split(";"):
            x, y = p.lstrip("-").split(",")
            points.append((float(x), float(y), not p.startswith("-")))
    side = float(max(h, w))
    first, image1, prompt1 = look(model, photo, (w - side) / 2, (h - side) / 2, side, points, box)
    m = first > 0
    if box is None and m.any():
        ys, xs = m.nonzero(as_tuple=True)
        s = side / SIZE
        x0, x1 = (w - side) / 2 + xs.min() * s, (w - side) / 2 + (xs.max() + 1) * s
        y0, y1 = (h - side) / 2 + ys.min() * s, (h - side) / 2 + (ys.max() + 1) * s
    else:
        x0, y0, x1, y1 = (torch.tensor(v) for v in (box or (0, 0, w, h)))
    near = float(max(x1 - x0, y1 - y0)) * 1.7
    second, image2, prompt2 = look(model, photo, float(x0 + x1 - near) / 2, float(y0 + y1 - near) / 2, near, points, box)
    print(f"{a.photo}: first look {m.float().mean():.3f} of the frame, second look {(second > 0).float().mean():.3f}")
    both = torch.cat([tint(image1[None], m[None], prompt1[None]), tint(image2[None], second[None] > 0, prompt2[None])], 3)
    save_picture(F.interpolate(both, scale_factor=2.0)[0], a.out)


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=str(Path(__file__).parent / "segmenter.onnx"))
    ap.add_argument("--data", type=Path)
    ap.add_argument("--device", default="cpu")
    ap.add_argument("--split", type=int, default=2, help="0 train, 1 validation, 2 test")
    ap.add_argument("--scenes", type=int, default=200)
    ap.add_argument("--seed", type=int, default=99)
    ap.add_argument("--photo", type=Path)
    ap.add_argument("--prompt")
    ap.add_argument("--out", type=Path)
    a = ap.parse_args()
    if a.photo and not (a.prompt and a.out):
        ap.error("--photo needs --prompt and --out")
    if not a.photo and not a.data:
        ap.error("expected --data (composites) or --photo")
    machine = open_machine("cpu" if a.photo else a.device)
    if a.photo:
        photograph(load(a.model, machine), a)
    else:
        composites(load(a.model, machine), a, machine)


if __name__ == "__main__":
    main()

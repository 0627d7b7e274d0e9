"""Measures the segmenter on held-out composites with fixed seeds, and overlays it on photographs.

    python evaluate.py --data ... --backgrounds ... [--model segmenter.onnx|RUN/last.pt] [--scenes 200]
    python evaluate.py --photo file.png --prompt "x,y;x,y;-x,y" or "box:x0,y0,x1,y1" --out overlay.png
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from scenes import box_plane, choose, clicks_inside, correct, discs, inner, scenes  # noqa: I001
from compose import load_pack, make_bank
from net import SIZE, Segmenter


def load(path: str):
    if path.endswith(".onnx"):
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return lambda i, p: torch.from_numpy(session.run(None, {"image": i.numpy(), "prompt": p.numpy()})[0])
    s = torch.load(path, weights_only=True)
    m = Segmenter(tuple(s["config"]["widths"])).eval()
    m.load_state_dict(s["ema"])
    return torch.no_grad()(m)


def ious(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    a, b = logits[:, 0] > 0, target > 0.5
    return (a & b).sum((1, 2)) / (a | b).sum((1, 2)).clamp(min=1)


def composites(model, a: argparse.Namespace) -> None:
    weights = [float(w) for w in a.data_weights.split(",")] if a.data_weights else [1.0] * len(a.data.split(","))
    bank = make_bank(load_pack(a.data, (a.split,)), weights, np.load(a.backgrounds)["rgb"], 300, a.seed)
    g = torch.Generator().manual_seed(a.seed)
    rows: dict[str, list] = {}
    areas, shown = [], []
    for _ in range(0, a.scenes, 20):
        image, target, area = choose(g, *scenes(bank, g, 20), 1)
        b = len(image)
        areas.append(area)
        none = torch.zeros(b, SIZE, SIZE)
        one = torch.stack([discs(clicks_inside(g, inner(target), 1)), none, none], 1)
        box = torch.stack([none, none, box_plane(g, target, 0.03)], 1)
        p, step = one, []
        for _ in range(5):
            logits = model(image, p)
            step.append(ious(logits, target))
            p = correct(g, p, target, logits)
        boxed = model(image, box)
        filled = box[:, 2:] * 2 - 1
        for name, v in (("1 click", step[0]), ("2 clicks", step[1]), ("3 clicks", step[2]), ("5 clicks", step[4]), ("box", ious(boxed, target)),
                        ("the box itself", ious(filled, target))):
            rows.setdefault(name, []).append(v)
        shown.append((image, target, one, model(image, one), boxed))
    area = torch.cat(areas)
    cuts = [(0, 0.02), (0.02, 0.08), (0.08, 0.25), (0.25, 1.0)]
    print("| prompt | " + " | ".join(f"{int(100 * lo)}-{int(100 * hi)} % of the frame" for lo, hi in cuts) + " | all |")
    print("| --- |" + " --- |" * (len(cuts) + 1))
    for name, v in rows.items():
        v = torch.cat(v)
        print(f"| {name} | " + " | ".join(f"{v[(area >= lo) & (area < hi)].mean():.3f}" for lo, hi in cuts) + f" | {v.mean():.3f} |")
    print("objects:", [int(((area >= lo) & (area < hi)).sum()) for lo, hi in cuts])
    if a.out:
        tiles = []
        for image, target, one, logits, boxed in shown[:3]:
            for i in range(16):
                tiles.append(torch.cat([tint(image[i], target[i] > 0.5, one[i]), tint(image[i], logits[i, 0] > 0, one[i]), tint(image[i], boxed[i, 0] > 0, None)], 2))
        rows_ = [torch.cat(tiles[i : i + 4], 2) for i in range(0, len(tiles) // 4 * 4, 4)]
        save(torch.cat(rows_, 1), a.out)


def tint(image: torch.Tensor, mask: torch.Tensor, prompt: torch.Tensor | None) -> torch.Tensor:
    out = torch.where(mask, image * 0.45 + torch.tensor([-0.5, 0.5, -0.5])[:, None, None], image * 0.7)
    if prompt is not None:
        out = torch.where(prompt[0] > 0, torch.tensor([1.0, 1, 1])[:, None, None], out)
        out = torch.where(prompt[1] > 0, torch.tensor([1.0, -1, -1])[:, None, None], out)
    return out


def save(x: torch.Tensor, path: str) -> None:
    Image.fromarray(((x + 1) * 127.5).clamp(0, 255).byte().permute(1, 2, 0).numpy()).save(path)


def look(model, photo: torch.Tensor, x: float, y: float, side: float, points: list[tuple[float, float, bool]], box) -> torch.Tensor:
    """Logits [S,S] of a square of the photo [3,H,W]; what lies outside is 0."""
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


def photograph(model, a: argparse.Namespace) -> None:
    photo = torch.from_numpy(np.array(Image.open(a.photo).convert("RGB"))).permute(2, 0, 1).float() / 127.5 - 1
    _, h, w = photo.shape
    points, box = [], None
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
    both = torch.cat([tint(image1, m, prompt1), tint(image2, second > 0, prompt2)], 2)
    save(F.interpolate(both[None], scale_factor=2.0)[0], a.out)


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", default=str(Path(__file__).parent / "segmenter.onnx"))
    ap.add_argument("--data")
    ap.add_argument("--data-weights", default="")
    ap.add_argument("--backgrounds")
    ap.add_argument("--split", type=int, default=2)
    ap.add_argument("--scenes", type=int, default=200)
    ap.add_argument("--seed", type=int, default=99)
    ap.add_argument("--photo")
    ap.add_argument("--prompt")
    ap.add_argument("--out")
    a = ap.parse_args()
    torch.set_num_threads(1)
    model = load(a.model)
    (photograph if a.photo else composites)(model, a)


if __name__ == "__main__":
    main()

"""python evaluate.py --packs DIR [--checkpoint last.pt] [--onnx layers.onnx] --split val|test|both --objects N [--sheet out.png]

Compares rendered bodies with the true rig views of unseen objects: mean silhouette IoU and PSNR (on white) over 16 views, against the
input mask repeated, the inflated silhouette, and the true two-layer depth (the most that a layered body can reach).
The crop's own scale and centre are undone before comparing, as an evaluation of views must.
"""
import argparse
import json
import math
import os

import numpy as np
import torch
from PIL import Image

from body import Body, render
from model import Layers
from pack import Views

HALF_FRAME = 0.5 * 1.5 / 1.09375


def inflate(alpha):
    """A body with a round cross-section from the silhouette alone: half-thickness sqrt(d (2 dmax - d))."""
    from scipy.ndimage import distance_transform_edt
    d = torch.from_numpy(distance_transform_edt(alpha.numpy() > 0.5).astype(np.float32)) / alpha.shape[-1] * 2 * HALF_FRAME
    h = (d * (2 * d.max() - d)).clamp_min(0).sqrt()
    return -h, h


def placement(views, row):
    """(scale, offset) that maps the true object's world (longest side 1) to the crop's body."""
    e = float(views.elevation[row])
    cx, cy = views.centre[row].tolist()
    up = torch.tensor([0.0, math.cos(e), -math.sin(e)])
    return float(views.zoom[row]), torch.tensor([cx * HALF_FRAME, 0.0, 0.0]) - up * cy * HALF_FRAME


def iou(a, b):
    a, b = a > 0.5, b > 0.5
    union = (a | b).flatten(1).sum(1)
    return ((a & b).flatten(1).sum(1) / union.clamp_min(1)).mean().item()


def psnr(a, b):
    white = lambda i: i[:, :3] * i[:, 3:] + 1 - i[:, 3:]
    error = ((white(a) - white(b)) ** 2).flatten(1).mean(1)
    return (-10 * torch.log10(error.clamp_min(1e-6))).mean().item()


def predictor(args):
    if args.onnx:
        import onnxruntime
        session = onnxruntime.InferenceSession(args.onnx, providers=["CPUExecutionProvider"])
        return lambda image, elevation: torch.from_numpy(session.run(None, {"image": image.numpy(), "elevation": elevation.numpy()})[0])
    state = torch.load(args.checkpoint, weights_only=True)
    model = Layers(size=state["size"])
    model.load_state_dict(state["ema"])
    model.eval()
    return lambda image, elevation: model(image, elevation).detach()


def show(image):
    return (image[:3] * image[3:] + 1 - image[3:]).clamp(0, 1)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packs", required=True)
    parser.add_argument("--checkpoint")
    parser.add_argument("--onnx")
    parser.add_argument("--split", default="both")
    parser.add_argument("--objects", type=int, default=48)
    parser.add_argument("--distance", type=float, default=2.0, help="of the input camera, assumed")
    parser.add_argument("--over", type=int, default=1)
    parser.add_argument("--sheet")
    parser.add_argument("--rows", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    predict = predictor(args)
    views = Views(os.path.join(args.packs, "layers.npz"), {"val": [1], "test": [2], "both": [1, 2]}[args.split])
    rig = np.load(os.path.join(args.packs, "rig.npz"))
    rig_rgba, where = rig["rgba"], {int(o): i for i, o in enumerate(rig["object_id"])}
    order, seen = views.keep[torch.randperm(len(views.keep), generator=torch.Generator().manual_seed(0))].tolist(), set()
    chosen = [r for r in order if not (int(views.object_id[r]) in seen or seen.add(int(views.object_id[r])))][:args.objects]
    table, strips = {}, []
    for n, row in enumerate(chosen):
        rgba, front, back, back_rgb, _, _ = views.crop(torch.tensor([row]))
        e = float(views.elevation[row])
        truth = np.roll(rig_rgba[where[int(views.object_id[row])]], -int(views.step[row]), 0)
        truth = torch.from_numpy(truth).permute(0, 3, 1, 2).float() / 255
        scale, offset = placement(views, row)
        out = predict(rgba, torch.tensor([e]))[0]
        bodies = {"body": (out[0], out[1], out[2:]), "inflated": (*inflate(rgba[0, 3]), rgba[0, :3]), "ceiling": (front[0, 0], back[0, 0], back_rgb[0])}
        rendered = {}
        for name, (f, b, c) in bodies.items():
            body = Body(rgba[0], f, b, c, e, args.distance)
            rendered[name] = render(body, 64, args.over, scale=scale, offset=offset)
        # The input as rendered, seen unchanged from everywhere.
        still = views.crop(torch.tensor([row]), zoom=torch.ones(1), shift=-views.centre[row])[0]
        rendered["repeat"] = still.expand(16, -1, -1, -1)
        group = "procedural" if int(views.source[row]) else "library"
        for name, image in rendered.items():
            for key in ("all", group):
                table.setdefault((key, name), []).append((iou(image[:, 3], truth[:, 3]), psnr(image, truth)))
        if args.sheet and n < args.rows:
            pick = [0, 2, 4, 6, 8, 10, 12, 14]
            depth = lambda d: torch.where(rgba[0, 3:] > 0.5, ((d + 0.7) / 1.4).clamp(0, 1), torch.ones(1)).expand(3, -1, -1)
            inside = (rgba[0, 3:] > 0.5).float()
            top = [show(rgba[0]), depth(front[0]), depth(back[0]), back_rgb[0] * inside + 1 - inside] + [show(truth[i]) for i in pick]
            low = [torch.ones(3, 64, 64), depth(out[:1]), depth(out[1:2]), out[2:] * inside + 1 - inside] + [show(rendered["body"][i]) for i in pick]
            strips += [torch.cat(top, 2), torch.cat(low, 2)]
    for (key, name), values in sorted(table.items()):
        a = np.array(values)
        print(f"{key:11s} {name:9s} n={len(a):3d} IoU {a[:, 0].mean():.3f}  PSNR {a[:, 1].mean():.2f}")
    if args.sheet:
        image = torch.cat(strips, 1).permute(1, 2, 0).mul(255).byte().numpy()
        Image.fromarray(image).resize((image.shape[1] * 3 // 2, image.shape[0] * 3 // 2), Image.BILINEAR).save(args.sheet)


if __name__ == "__main__":
    main()

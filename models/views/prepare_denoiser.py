"""python prepare_denoiser.py --packs DIR --checkpoint layers.pt --out FILE.npz --limit N

Renders the predicted bodies of training and held-out views at the 16 rig cameras, aligned with the true object by the crop's own scale and
centre. Writes body uint8 [N,16,64,64,4], image uint8 [N,64,64,4], row int32 [N] (object's row in rig.npz), step int8 [N], split uint8 [N].
Writes what it has every 200 views.
"""
import argparse
import os

import numpy as np
import torch

from body import Body, render
from evaluate import placement
from model import Layers
from pack import Views


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packs", required=True)
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--limit", type=int, default=10**9)
    parser.add_argument("--splits", default="0,1,2")
    parser.add_argument("--part", default="0/1", help="k/n: this process takes every n-th view")
    args = parser.parse_args()
    torch.set_num_threads(1)
    state = torch.load(args.checkpoint, weights_only=True)
    model = Layers(size=state["size"])
    model.load_state_dict(state["ema"])
    model.eval()
    views = Views(os.path.join(args.packs, "layers.npz"), [int(s) for s in args.splits.split(",")])
    splits = torch.from_numpy(np.load(os.path.join(args.packs, "layers.npz"))["split"][views.rows].astype(np.int64))
    where = {int(o): i for i, o in enumerate(np.load(os.path.join(args.packs, "rig.npz"))["object_id"])}
    # One view of every object first, then a second one, and so on.
    order, seen, rank = views.keep[torch.randperm(len(views.keep), generator=torch.Generator().manual_seed(3))].tolist(), {}, {}
    for r in order:
        o = int(views.object_id[r])
        rank[r] = seen[o] = seen.get(o, -1) + 1
    order.sort(key=lambda r: rank[r])
    k, n = (int(x) for x in args.part.split("/"))
    order = order[:args.limit][k::n]
    out = {"body": [], "image": [], "row": [], "step": [], "split": []}

    def save():
        np.savez(args.out + ".part.npz", body=np.stack(out["body"]), image=np.stack(out["image"]), row=np.array(out["row"], np.int32), step=np.array(out["step"], np.int8), split=np.array(out["split"], np.uint8))
        os.replace(args.out + ".part.npz", args.out)

    to_bytes = lambda x: x.movedim(-3, -1).mul(255).round().clamp(0, 255).byte().numpy()
    with torch.no_grad():
        for count, r in enumerate(order):
            rgba = views.crop(torch.tensor([r]))[0]
            e = float(views.elevation[r])
            layers = model(rgba, torch.tensor([e]))[0]
            scale, offset = placement(views, r)
            out["body"].append(to_bytes(render(Body(rgba[0], layers[0], layers[1], layers[2:], e, 2.0), 64, 1, steps=96, bisections=4, scale=scale, offset=offset)))
            out["image"].append(to_bytes(rgba[0]))
            out["row"].append(where[int(views.object_id[r])])
            out["step"].append(int(views.step[r]))
            out["split"].append(int(splits[r]))
            if count % 300 == 299:
                save()
                print(count + 1, flush=True)
    save()


if __name__ == "__main__":
    main()

"""Packs rendered objects into arrays for training: python pack.py --rendered DIR --out DIR

Writes, from DIR/index.jsonl and DIR/raw/*.bin (see render.mjs):
  objects_rgba.npz  rgba uint8 [N,128,128,4], object_id int32 [N], split uint8 [N] (0 train, 1 val, 2 test), source uint8 [N] (0 library, 1 procedural)
  layers.npz        the same views and rows with front, back float16 [N,128,128] (0 outside), back_rgb uint8 [N,128,128,3],
                    elevation float32 [N] radians, distance float32 [N], step int8 [N] (azimuth / 22.5 degrees)
  rig.npz           rgba uint8 [M,16,64,64,4], object_id int32 [M]: view i stands at absolute azimuth 22.5 i; relative to an
                    input view at step k, rig view j is row (k + j) % 16
  objects.json      object_id -> id, name, split, licence, author
Views whose object touches the frame's border are left out.
"""
import argparse
import json
import os

import numpy as np

INPUT, RIG, INPUTS = 128, 64, 4
SPLITS = {"train": 0, "val": 1, "test": 2}


def read(path):
    raw = np.fromfile(path, np.uint8)
    pixels = INPUT * INPUT
    record = pixels * (4 + 2 + 2 + 4)
    views = []
    for k in range(INPUTS):
        r = raw[k * record:(k + 1) * record]
        views.append((
            r[:pixels * 4].reshape(INPUT, INPUT, 4),
            r[pixels * 4:pixels * 6].view(np.uint16).reshape(INPUT, INPUT),
            r[pixels * 6:pixels * 8].view(np.uint16).reshape(INPUT, INPUT),
            r[pixels * 8:].reshape(INPUT, INPUT, 4)[..., :3],
        ))
    return views, raw[INPUTS * record:].reshape(16, RIG, RIG, 4)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rendered", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    out = {k: [] for k in ("rgba", "object_id", "split", "source", "front", "back", "back_rgb", "elevation", "distance", "step")}
    rig, rig_ids, objects = [], [], {}
    for line in open(os.path.join(args.rendered, "index.jsonl")):
        entry = json.loads(line)
        if not entry["usable"]:
            continue
        views, around = read(os.path.join(args.rendered, "raw", f"{entry['index']}.bin"))
        kept = 0
        for (rgba, front, back, back_rgb), meta in zip(views, entry["views"]):
            alpha = rgba[..., 3]
            if alpha[[0, -1]].any() or alpha[:, [0, -1]].any() or (alpha > 127).sum() < 160:
                continue
            kept += 1
            inside = alpha > 0
            decode = lambda d: np.where(inside, d.astype(np.float32) / 65535 * 2 - 1, 0).astype(np.float16)
            for key, value in (("rgba", rgba), ("object_id", entry["index"]), ("split", SPLITS[entry["split"]]), ("source", int(entry["kind"] == "proc")),
                               ("front", decode(front)), ("back", decode(back)), ("back_rgb", back_rgb),
                               ("elevation", np.deg2rad(meta["elevation"])), ("distance", meta["distance"]), ("step", meta["step"])):
                out[key].append(value)
        if kept:
            rig.append(around)
            rig_ids.append(entry["index"])
            objects[entry["index"]] = {k: entry[k] for k in ("id", "name", "split", "library", "licence", "author")}
    kinds = {"rgba": np.uint8, "object_id": np.int32, "split": np.uint8, "source": np.uint8, "front": np.float16, "back": np.float16,
             "back_rgb": np.uint8, "elevation": np.float32, "distance": np.float32, "step": np.int8}
    arrays = {k: np.asarray(v, kinds[k]) for k, v in out.items()}
    os.makedirs(args.out, exist_ok=True)
    np.savez(os.path.join(args.out, "objects_rgba.npz"), **{k: arrays[k] for k in ("rgba", "object_id", "split", "source")})
    np.savez(os.path.join(args.out, "layers.npz"), **arrays)
    np.savez(os.path.join(args.out, "rig.npz"), rgba=np.asarray(rig), object_id=np.asarray(rig_ids, np.int32))
    json.dump(objects, open(os.path.join(args.out, "objects.json"), "w"))
    print({k: v.shape for k, v in arrays.items()}, "objects", len(objects), "split", np.bincount(arrays["split"]))


if __name__ == "__main__":
    main()

"""python bundle.py --revision R [--default body|denoiser] [--measured FILE.json] [--layers-log FILE] [--denoiser-log FILE]: writes bundle.json from what lies beside it."""
import argparse
import hashlib
import json
import os

HERE = os.path.dirname(os.path.abspath(__file__))


def last_line(path):
    return json.loads(open(path).read().strip().splitlines()[-1]) if path else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--revision", required=True)
    parser.add_argument("--default", default="body")
    parser.add_argument("--measured")
    parser.add_argument("--layers-log")
    parser.add_argument("--denoiser-log")
    args = parser.parse_args()
    golden = sorted(f"golden/{n}" for n in os.listdir(os.path.join(HERE, "golden")))
    graphs = [g for g in ("layers", "denoiser") if os.path.exists(os.path.join(HERE, f"{g}.onnx"))]
    files = []
    for path in [f"{g}.onnx" for g in graphs] + golden:
        data = open(os.path.join(HERE, path), "rb").read()
        files.append({"path": path, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    tensor = lambda name, *dims: {"name": name, "dtype": "float32", "dims": list(dims)}
    ports = {
        "layers": {"file": "layers.onnx", "inputs": [tensor("image", "B", 4, 64, 64), tensor("elevation", "B")], "outputs": [tensor("layers", "B", 5, 64, 64)]},
        "denoiser": {"file": "denoiser.onnx", "inputs": [tensor("views", 1, 16, 4, 64, 64), tensor("body", 1, 16, 4, 64, 64), tensor("image", 1, 4, 64, 64), tensor("t", 1)], "outputs": [tensor("x0", 1, 16, 4, 64, 64)]},
    }
    bundle = {
        "schemaVersion": 1,
        "id": "gestalt-views",
        "revision": args.revision,
        "licence": "CC-BY-4.0",
        "attribution": [
            "Trained on renderings of the Sweet Home 3D furniture libraries (Debian package sweethome3d-furniture): Kator Legaz (CC-BY-3.0), Scopia Visual Interfaces Systems (CC-BY-3.0), Reallusion (CC-BY-3.0), the Blend Swap contributors (CC-BY-3.0 and CC0-1.0)",
            "and of procedural objects made by this repository (CC0-1.0)",
        ],
        "origin": {
            "recipe": "models/views/train.py, models/views/train_denoiser.py", "data": "models/data (render.mjs, pack.py, split.json)",
            **({"layers": last_line(args.layers_log)} if args.layers_log else {}), **({"denoiser": last_line(args.denoiser_log)} if args.denoiser_log else {}),
        },
        "files": files,
        "graphs": {g: ports[g] for g in graphs},
        "preprocessing": {
            "size": 64,
            "fill": 200 / 256,
            "crop": "the box of alpha > 0.5 centred in a square frame, its longest side `fill` of the frame's width; area-averaged, colour weighted by alpha",
            "range": [0, 1],
            "alpha": "straight",
            "channels": ["R", "G", "B", "alpha"],
            "elevation": "radians",
            "output": ["front", "back", "backR", "backG", "backB"],
            "depth": "world units along the viewing axis from the plane through the object's centre, positive away from the camera; one frame width is 1.5 / 1.09375 units in that plane",
        },
        "body": {"alphaThreshold": 0.5, "minThickness": 0.02, "inputDistance": 2.0, "near": 0.63, "far": 2.37, "steps": 128, "bisections": 5, "blend": [0.35, 0.65]},
        "rig": {"elevationDeg": 30, "azimuthStepDeg": 22.5, "count": 16, "distance": 1.5, "focalPerWidth": 1.09375},
        "default": args.default,
        "golden": {n[len("golden/"):-len(".json")]: n for n in golden if n.endswith(".json")},
    }
    if "denoiser" in graphs:
        bundle["sampler"] = {
            "picture": "RGBA in [-1,1], colour premultiplied: (2 rgb - 1) alpha, 2 alpha - 1",
            "schedule": {"kind": "cosine", "timesteps": 1000, "s": 0.008, "maxBeta": 0.999}, "prediction": "x0", "start": 999, "end": 500, "steps": 1, "eta": 0, "limit": [-1, 1],
            "times": "t_i = round(start - (start - end) i / steps), i = 0..steps-1; x_start = sqrt(abar_start) body + sqrt(1 - abar_start) noise (at 999: noise alone); x0 is clamped to the limit; the last x0 is the answer",
        }
    if args.measured:
        bundle["measured"] = json.load(open(args.measured))
    json.dump(bundle, open(os.path.join(HERE, "bundle.json"), "w"), indent=2)
    print(json.dumps({"graphs": graphs, "bytes": sum(f["bytes"] for f in files)}))


if __name__ == "__main__":
    main()

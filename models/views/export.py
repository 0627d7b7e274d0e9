"""Writes the graphs of the bundle and golden cases for each of them and for the body's renderer; bundle.py then writes bundle.json.

    python models/views/export.py [--checkpoint RUN/layers] [--volume RUN/volume] [--denoiser RUN/joint] [--out DIR]

RUN/... is a run's folder, a checkpoint or a folder of safetensors. Weights are stored in fp16 and computed in fp32.
"""

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Tuple

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.bundle import to_onnx, verify, write_golden  # noqa: E402
from common.weights import load_trained  # noqa: E402
from views.body import FARTHEST, NEAREST, Body, VolumeBody, render  # noqa: E402
from views.denoiser import Denoiser, encode_picture  # noqa: E402
from views.model import Layers, Volume, voxel_depths  # noqa: E402

HERE = Path(__file__).parent


def ball(size: int) -> Tuple[np.ndarray, np.ndarray]:
    """A shaded ball: straight RGBA [4,S,S] and its height in [0,1] [S,S]."""
    axis = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(axis, axis)
    radius = np.hypot(x, y) / (200 / 256)
    alpha = np.clip((1 - radius) * size / 4 + 0.5, 0, 1)
    shade = np.sqrt(np.clip(1 - radius**2, 0, 1))
    return np.stack([0.2 + 0.7 * shade, 0.15 + 0.4 * shade, 0.1 + 0.2 * shade * (x > 0), alpha]).astype(np.float32), shade.astype(np.float32)


def golden_body(folder: Path) -> None:
    """Four views of a known body, for whoever ports body.py."""
    image, shade = ball(64)
    front, back = -0.45 * shade + 0.1, 0.3 * shade + 0.1
    back_rgb = np.stack([shade, 0.5 * np.ones_like(shade), 1 - shade])
    elevation, distance, scale, offset, views = 0.3, 2.0, 1.1, [0.02, -0.03, 0.05], [0, 3, 8, 13]
    layers = np.concatenate([front[None], back[None], back_rgb]).astype(np.float32)
    body = Body(torch.from_numpy(image)[None], torch.from_numpy(layers)[None], torch.tensor([elevation]), distance)
    out = render(body, 32, 2, azimuths=[math.radians(22.5 * v) for v in views], scale=torch.tensor([scale]), offset=torch.tensor([offset]))[0].numpy()
    normal_scale, normal_offset = body.normalised_placement()
    write_golden(folder, {"image": image, "front": front, "back": back, "backRgb": back_rgb, "views": out}, ["image", "front", "back", "backRgb"], ["views"],
                 {"alphaMean": 0.003, "colourMean": 0.005}, name="body",
                 what="body.py render(): rig views at 32 px, 2x2 samples a pixel, 128 steps, 5 bisections; straight RGBA in [0,1]; "
                 "compare colours where alpha > 0.5",
                 elevation=elevation, inputDistance=distance, scale=scale, offset=offset, viewIndices=views,
                 normalisedPlacement={"scale": float(normal_scale), "offset": normal_offset[0].tolist()})


def golden_volume_body(folder: Path) -> None:
    """Views of a known volume: a ball and, behind it, a smaller plate with air between."""
    image, shade = ball(64)
    voxels, threshold, elevation, distance, scale, offset, views = 24, 0.2, 0.3, 2.0, 1.1, [0.02, -0.03, 0.05], [0, 3, 8, 13]
    front, back = -0.45 * shade + 0.1, 0.3 * shade + 0.1
    back_rgb = np.stack([shade, 0.5 * np.ones_like(shade), 1 - shade])
    z = voxel_depths(voxels).numpy().reshape(-1, 1, 1)
    logits = 12 * np.maximum(0.4 * (shade - 0.25) - np.abs(z + 0.15), np.minimum(0.08 - np.abs(z - 0.45), 0.4 * (shade - 0.5)))
    volume = np.concatenate([front[None], back[None], back_rgb, logits]).astype(np.float32)
    body = VolumeBody(torch.from_numpy(image)[None], torch.from_numpy(volume)[None], torch.tensor([elevation]), distance, threshold)
    out = render(body, 32, 2, azimuths=[math.radians(22.5 * v) for v in views], scale=torch.tensor([scale]), offset=torch.tensor([offset]))[0].numpy()
    normal_scale, normal_offset = body.normalised_placement()
    write_golden(folder, {"image": image, "volume": volume, "views": out}, ["image", "volume"], ["views"],
                 {"alphaMean": 0.003, "colourMean": 0.005}, name="volume-body",
                 what="body.py render() of a VolumeBody, as golden/body.json", nearest=NEAREST, farthest=FARTHEST, threshold=threshold,
                 elevation=elevation, inputDistance=distance, scale=scale, offset=offset, viewIndices=views,
                 normalisedPlacement={"scale": float(normal_scale), "offset": normal_offset[0].tolist()})


def within(path: Path, worst: float, tolerance: float, seconds: float) -> None:
    """Reports a written graph. Throws ValueError where it left PyTorch's answer."""
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, largest difference from torch {worst:.1e}, {seconds:.2f} s")
    if worst >= tolerance:
        raise ValueError(f"{path}: expected within {tolerance} of PyTorch, came {worst}")


def export_network(name: str, run: Path, out: Path) -> None:
    """`name`.onnx and its golden case: layers or volume."""
    trained = load_trained(run)
    model = {"layers": Layers, "volume": Volume}[name](**trained.config).eval()
    # what is stored beside the parameters are constants, rounded to fp16 there
    constants = dict(model.named_buffers())
    model.load_state_dict({**trained.state, **constants})
    image, elevation = torch.from_numpy(ball(model.size)[0])[None], torch.tensor([0.3])
    three = image.repeat(3, 1, 1, 1), elevation.repeat(3)
    path = out / f"{name}.onnx"
    to_onnx({"layers": "layered-body", "volume": "volume-body"}[name], model, trained.config, path)
    with torch.no_grad():
        want = model(*three).numpy()
    start = time.time()
    worst = verify(path, {"image": three[0].numpy(), "elevation": three[1].numpy()}, want)
    within(path, worst, 2e-3, time.time() - start)
    case = {"image": image.numpy(), "elevation": elevation.numpy(), name: want[:1]}
    write_golden(out / "golden", case, ["image", "elevation"], [name], 5e-3, name=name)


def export_denoiser(run: Path, out: Path) -> None:
    trained = load_trained(run)
    model = Denoiser(**trained.config).eval()
    model.load_state_dict(trained.state)
    g = torch.Generator().manual_seed(7)
    image = encode_picture(torch.from_numpy(ball(64)[0]))
    body = image.expand(16, -1, -1, -1).contiguous()
    views = body * 0.7 + 0.7 * torch.randn(body.shape, generator=g)
    inputs = {"views": views[None], "body": body[None], "image": image[None], "t": torch.tensor([400.0])}
    path = out / "denoiser.onnx"
    to_onnx("joint-denoiser", model, trained.config, path)
    with torch.no_grad():
        want = model(*inputs.values()).numpy()
    feed = {k: v.numpy() for k, v in inputs.items()}
    start = time.time()
    worst = verify(path, feed, want)
    within(path, worst, 5e-3, time.time() - start)
    write_golden(out / "golden", {**feed, "x0": want}, list(inputs), ["x0"], 1e-2, name="denoiser")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--checkpoint", type=Path, help="of the layers")
    parser.add_argument("--volume", type=Path, help="of the volume")
    parser.add_argument("--denoiser", type=Path, help="of the joint model")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.checkpoint:
        export_network("layers", args.checkpoint, args.out)
        golden_body(args.out / "golden")
    if args.volume:
        export_network("volume", args.volume, args.out)
        golden_volume_body(args.out / "golden")
    if args.denoiser:
        export_denoiser(args.denoiser, args.out)


if __name__ == "__main__":
    main()

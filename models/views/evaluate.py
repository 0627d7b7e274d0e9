"""Compares rendered bodies with the true rig views of unseen objects.

    python models/views/evaluate.py --data views.pack [--layers layers.onnx|RUN/layers]
        [--volume volume.onnx|RUN/volume] [--split val|test|both] [--objects 48] [--sheet out.png]

Mean silhouette IoU and PSNR (on white) over 16 views, against the input mask repeated, the inflated silhouette, and the true two-layer
depth (the most that a layered body can reach). The crop's own scale and centre are undone before comparing, as an evaluation of views must.
"""

import argparse
import sys
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.pictures import save_picture  # noqa: E402
from common.weights import load_trained  # noqa: E402
from views.body import SOLID_ABOVE, Body, VolumeBody, render  # noqa: E402
from views.model import Layers, Volume  # noqa: E402
from views.pack import FRAME, Views, seen_from, small_rig  # noqa: E402

PIXELS = 64  # of the compared views
SHOWN = range(0, 16, 2)
SPLITS = {"val": (1,), "test": (2,), "both": (1, 2)}
Predict = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def inflated(crop: torch.Tensor) -> torch.Tensor:
    """rgba [1,4,S,S] -> layers [1,5,S,S]: a round cross-section from the silhouette alone, half-thickness sqrt(d (2 dmax - d))."""
    inside = distance_transform_edt(crop[0, 3].numpy() > 0.5).astype(np.float32)
    d = torch.from_numpy(inside) / crop.shape[-1] * FRAME
    h = (d * (2 * d.max() - d)).clamp(min=0).sqrt()[None, None]
    return torch.cat([-h, h, crop[:, :3]], 1)


def iou(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean over the views of two alphas [V,S,S] > 0.5."""
    a, b = a > 0.5, b > 0.5
    union = (a | b).flatten(1).sum(1)
    return float(((a & b).flatten(1).sum(1) / union.clamp(min=1)).mean())


def on_white(image: torch.Tensor) -> torch.Tensor:
    """Straight RGBA [...,4,S,S] in [0,1] -> RGB in [0,1]."""
    alpha = image[..., 3:, :, :]
    return (image[..., :3, :, :] * alpha + 1 - alpha).clamp(0, 1)


def psnr(a: torch.Tensor, b: torch.Tensor) -> float:
    """Mean over the views of two straight RGBA [V,4,S,S]."""
    error = ((on_white(a) - on_white(b)) ** 2).flatten(1).mean(1)
    return float((-10 * torch.log10(error.clamp(min=1e-6))).mean())


def predictor(path: Path) -> Tuple[Predict, int]:
    """The layers or volume network of an ONNX graph or of trained weights, and its pixels a side."""
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

        def run(image: torch.Tensor, elevation: torch.Tensor) -> torch.Tensor:
            return torch.from_numpy(session.run(None, {"image": image.numpy(), "elevation": elevation.numpy()})[0])

        return run, session.get_inputs()[0].shape[2]
    trained = load_trained(path)
    model = (Volume if "voxels" in trained.config else Layers)(**trained.config)
    model.load_state_dict(trained.state)
    return torch.no_grad()(model.eval()), model.size


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--layers", type=Path, default=Path(__file__).parent / "layers.onnx")
    parser.add_argument("--volume", type=Path, default=Path(__file__).parent / "volume.onnx")
    parser.add_argument("--threshold", type=float, default=SOLID_ABOVE, help="logit above which the volume is solid")
    parser.add_argument("--split", choices=list(SPLITS), default="test")
    parser.add_argument("--objects", type=int, default=48)
    parser.add_argument("--distance", type=float, default=2.0, help="of the input camera, assumed")
    parser.add_argument("--over", type=int, default=1, help="rays a pixel side")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--rows", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    predict, size = predictor(args.layers)
    predict_volume, volume_size = predictor(args.volume)
    pack = load_arrays(args.data)
    cpu = torch.device("cpu")
    views, rig = Views(pack, SPLITS[args.split], cpu), small_rig(pack["rig"], PIXELS, cpu)
    order = views.keep[torch.randperm(len(views.keep), generator=torch.Generator().manual_seed(0))]
    owners = views.object[order].tolist()
    chosen = [row for n, row in enumerate(order) if owners[n] not in owners[:n]][: args.objects]
    table: Dict[str, List[Tuple[float, float]]] = {}
    strips = []
    for n, row in enumerate(chosen):
        index = row.reshape(1)
        crop, elevation = views.crop(index, size), views.elevation[index]
        rgba = crop["rgba"]
        truth = seen_from(rig, views.object[index], views.step[index])[0].float() / 255
        scale, offset = views.placement(index)
        true_layers = torch.cat([crop["front"], crop["back"], crop["back_rgb"]], 1)
        bodies = {"body": predict(rgba, elevation), "inflated": inflated(rgba), "ceiling": true_layers}
        # The input as rendered, seen unchanged from everywhere.
        still = views.crop(index, PIXELS, torch.ones(1), -views.centre[index])["rgba"]
        rendered = {"repeat": still.expand(16, -1, -1, -1)}
        solids = {name: Body(rgba, layers, elevation, args.distance) for name, layers in bodies.items()}
        own = views.crop(index, volume_size)["rgba"]
        volume = predict_volume(own, elevation)
        solids["volume"] = VolumeBody(own, volume, elevation, args.distance, args.threshold)
        for name, solid in solids.items():
            rendered[name] = render(solid, PIXELS, args.over, scale=scale, offset=offset)[0]
        for name, image in rendered.items():
            table.setdefault(name, []).append((iou(image[:, 3], truth[:, 3]), psnr(image, truth)))
        if args.sheet and n < args.rows:
            strips += strip(rgba[0], [true_layers[0], bodies["body"][0], volume[0, :5]], [truth, rendered["body"], rendered["volume"]])
    print("| | silhouette IoU | PSNR on white |\n| --- | --- | --- |")
    for name, values in table.items():
        a = np.array(values)
        print(f"| {name}, {len(a)} objects | {a[:, 0].mean():.3f} | {a[:, 1].mean():.2f} |")
    if args.sheet:
        save_picture(torch.cat(strips, 1) * 2 - 1, args.sheet)


def strip(rgba: torch.Tensor, layers: List[torch.Tensor], views: List[torch.Tensor]) -> List[torch.Tensor]:
    """Rows [3,S,*]: input, front, back, back colour and eight views, of the truth, the layered body and the volume."""

    def small(x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.adaptive_avg_pool2d(x, PIXELS)

    inside = (rgba[3:] > 0.5).float()
    rows = []
    for layer, pictures in zip(layers, views):
        depth = [small(torch.where(inside > 0, ((d + 0.7) / 1.4).clamp(0, 1), torch.ones(1))).expand(3, -1, -1) for d in (layer[:1], layer[1:2])]
        colour = small(layer[2:] * inside + 1 - inside)
        rows.append(torch.cat([small(on_white(rgba)), *depth, colour, *[on_white(pictures[v]) for v in SHOWN]], 2))
    return rows


if __name__ == "__main__":
    main()

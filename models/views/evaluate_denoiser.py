"""Compares the layered body's 16 views with the same views after the joint denoiser, on objects that training never saw.

    python models/views/evaluate_denoiser.py --data views.pack --bodies RUN/joint/bodies.npz [--denoiser denoiser.onnx|RUN/joint] [--objects 40]
        [--starts 999] [--steps 1,3] [--sheet out.png]
"""

import argparse
import sys
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.pictures import save_picture  # noqa: E402
from common.weights import load_trained  # noqa: E402
from views.denoiser import SIZE, Denoiser, decode_picture, encode_picture, sample  # noqa: E402
from views.evaluate import SHOWN, iou, on_white, psnr  # noqa: E402
from views.joint_recipe import Sets  # noqa: E402
from views.pack import small_rig  # noqa: E402


def predictor(path: Path) -> Callable[..., torch.Tensor]:
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        names = [i.name for i in session.get_inputs()]
        return lambda *inputs: torch.from_numpy(session.run(None, {n: v.numpy() for n, v in zip(names, inputs)})[0])
    trained = load_trained(path)
    model = Denoiser(**trained.config)
    model.load_state_dict(trained.state)
    return torch.no_grad()(model.eval())


def numbers(text: str) -> List[int]:
    return [int(n) for n in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bodies", type=Path, required=True, help="as the joint recipe rendered them")
    parser.add_argument("--denoiser", type=Path, default=Path(__file__).parent / "denoiser.onnx")
    parser.add_argument("--objects", type=int, default=40)
    parser.add_argument("--starts", type=numbers, default=[999])
    parser.add_argument("--steps", type=numbers, default=[1])
    parser.add_argument("--sheet", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cpu = torch.device("cpu")
    with np.load(args.bodies) as bodies:
        data = Sets(dict(bodies), small_rig(load_arrays(args.data)["rig"], SIZE, cpu), (1, 2), cpu)
    predict = predictor(args.denoiser)
    table: Dict[str, List[Tuple[float, float]]] = {}
    strips = []
    owners = data.object.tolist()
    chosen = [n for n, owner in enumerate(owners) if owner not in owners[:n]][: args.objects]
    for n in chosen:
        body, truth, image = data.get(torch.tensor([n]))
        results = {"body": body}
        for start in args.starts:
            for steps in args.steps:
                noise = torch.randn(body.shape, generator=torch.Generator().manual_seed(n))
                results[f"start {start} steps {steps}"] = decode_picture(sample(predict, encode_picture(body), encode_picture(image), noise, start, steps))
        for name, got in results.items():
            table.setdefault(name, []).append((iou(got[0, :, 3], truth[0, :, 3]), psnr(got[0], truth[0])))
        if args.sheet and len(strips) < 30:
            strips += [torch.cat([on_white(image[0]), *[on_white(p[0, v]) for v in SHOWN]], 2) for p in (truth, body, list(results.values())[-1])]
    print("| | silhouette IoU | PSNR on white |\n| --- | --- | --- |")
    for name, values in table.items():
        a = np.array(values)
        print(f"| {name}, {len(a)} objects | {a[:, 0].mean():.3f} | {a[:, 1].mean():.2f} |")
    if args.sheet:
        save_picture(torch.cat(strips, 1) * 2 - 1, args.sheet)


if __name__ == "__main__":
    main()

"""python evaluate_denoiser.py --packs DIR --bodies FILE.npz --checkpoint last.pt [--onnx denoiser.onnx] [--objects N] [--starts 300,500,650] [--steps 1,3] [--sheet out.png]

Compares the layered body's 16 views with the same views after the joint denoiser, on validation and test objects.
"""
import argparse

import numpy as np
import torch
from PIL import Image

from denoiser import Denoiser, decode_picture, encode_picture, sample
from evaluate import iou, psnr, show
from train_denoiser import Sets


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--packs", required=True)
    parser.add_argument("--bodies", required=True)
    parser.add_argument("--checkpoint")
    parser.add_argument("--onnx")
    parser.add_argument("--objects", type=int, default=40)
    parser.add_argument("--starts", default="500")
    parser.add_argument("--steps", default="3")
    parser.add_argument("--sheet")
    args = parser.parse_args()
    torch.set_num_threads(1)
    data = Sets(args.packs, args.bodies.split(","), [1, 2])
    if args.onnx:
        import onnxruntime
        session = onnxruntime.InferenceSession(args.onnx, providers=["CPUExecutionProvider"])
        predict = lambda v, b, i, t: torch.from_numpy(session.run(None, {"views": v[None].numpy(), "body": b[None].numpy(), "image": i[None].numpy(), "t": t.numpy()})[0][0])
    else:
        model = Denoiser()
        model.load_state_dict(torch.load(args.checkpoint, weights_only=True)["ema"])
        model.eval()
        predict = lambda v, b, i, t: model(v[None], b[None], i[None], t)[0]
    table, strips, seen = {}, [], set()
    with torch.no_grad():
        for i in range(len(data.row)):
            if int(data.row[i]) in seen or len(seen) >= args.objects:
                continue
            seen.add(int(data.row[i]))
            body, truth, image = data.get(i)
            results = {"body": body}
            for start in (int(s) for s in args.starts.split(",")):
                for steps in (int(s) for s in args.steps.split(",")):
                    noise = torch.randn(body.shape, generator=torch.Generator().manual_seed(i))
                    results[f"start {start} steps {steps}"] = decode_picture(sample(predict, encode_picture(body), encode_picture(image), noise, start, steps))
            for name, got in results.items():
                table.setdefault(name, []).append((iou(got[:, 3], truth[:, 3]), psnr(got, truth)))
            if args.sheet and len(seen) <= 10:
                for pictures in (truth, body, got):
                    strips.append(torch.cat([show(image)] + [show(pictures[v]) for v in (0, 2, 4, 6, 8, 10, 12, 14)], 2))
    for name, values in table.items():
        a = np.array(values)
        print(f"{name:20s} n={len(a)} IoU {a[:, 0].mean():.3f}  PSNR {a[:, 1].mean():.2f}")
    if args.sheet:
        picture = torch.cat(strips, 1).permute(1, 2, 0).mul(255).byte().numpy()
        Image.fromarray(picture).resize((picture.shape[1] * 3 // 2, picture.shape[0] * 3 // 2), Image.BILINEAR).save(args.sheet)


if __name__ == "__main__":
    main()

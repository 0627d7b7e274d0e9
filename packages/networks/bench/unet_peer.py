"""The other side of unet.mjs: the original module of pix2gestalt in PyTorch eager, fp32, with the weights of the same bundle.

    python unet_peer.py BUNDLE ROLE THREADS FOLDER CHECKOUT

CHECKOUT is cvlab-columbia/pix2gestalt 1726a9d. Needs torch, numpy and einops. Reads lines of steps to run, answers with seconds.
Weights that the bundle leaves out (cross-attention to one token is folded) are drawn at random: the original computes with them, its result does not
depend on them.
"""

import contextlib
import json
import os
import sys
import time

import numpy as np
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../test/fixtures"))
import make  # noqa: E402

BUNDLE, ROLE, THREADS, FOLDER, CHECKOUT = sys.argv[1:]
sys.meta_path.append(make.StubFinder())
torch.set_num_threads(int(THREADS))
torch.manual_seed(1)
make.fresh_ldm(os.path.join(CHECKOUT, "pix2gestalt"))


def stored():
    """Name -> (file, offset) of the weights in the bundle, from the protobuf of the graph: field 7 graph, 5 initializer, 8 name, 13 external data."""

    def fields(data):
        at = 0

        def varint():
            nonlocal at
            value = shift = 0
            while True:
                byte = data[at]
                at += 1
                value |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    return value

        while at < len(data):
            key = varint()
            if key & 7 == 2:
                length = varint()
                yield key >> 3, data[at : at + length]
                at += length
            elif key & 7 == 5:
                yield key >> 3, data[at : at + 4]
                at += 4
            else:
                yield key >> 3, varint()

    with open(os.path.join(BUNDLE, ROLE + ".onnx"), "rb") as file:
        model = memoryview(file.read())
    found = {}
    for number, graph in fields(model):
        for kind, tensor in fields(graph) if number == 7 else ():
            if kind != 5:
                continue
            parts = list(fields(tensor))
            external = {}
            for field, pair in parts:
                if field == 13:
                    key, value = [bytes(text).decode() for _, text in fields(pair)]
                    external[key] = value
            if external:
                name = next(bytes(text).decode() for field, text in parts if field == 8)
                # one tensor may be seen under several shapes: `name[shape]`
                found[name.split("[")[0]] = (os.path.join(BUNDLE, external["location"]), int(external["offset"]))
    return found


@torch.no_grad()
def main():
    start = time.perf_counter()
    # the originals print; standard output is for answers
    with contextlib.redirect_stdout(sys.stderr):
        if ROLE == "unet":
            from ldm.modules.diffusionmodules.openaimodel import UNetModel

            net = UNetModel(in_channels=12, **make.FULL_UNET)
            root = "model.diffusion_model."
        else:
            net = make.vae_parts(128, [1, 2, 4, 4])
            del net.encoder, net.quant_conv
            root = "first_stage_model."
    files = stored()
    for name, parameter in net.named_parameters():
        place = files.pop(root + name, None)
        if place is None:
            assert ".attn2.to_" in name or ".norm2." in name, name
            # the output layers of the original start as zeros
            torch.nn.init.normal_(parameter, std=0.02)
        else:
            parameter.copy_(torch.from_numpy(np.fromfile(place[0], "<f4", parameter.numel(), offset=place[1])).reshape(parameter.shape))
    assert not files, list(files)
    net.eval()
    with open(os.path.join(FOLDER, "inputs.json")) as file:
        feeds = {
            entry["name"]: torch.from_numpy(np.fromfile(os.path.join(FOLDER, entry["name"] + ".bin"), "<f4")).reshape(entry["shape"])
            for entry in json.load(file)
        }
    count = sum(parameter.numel() for parameter in net.parameters())
    print(json.dumps({"ready": time.perf_counter() - start, "torch": torch.__version__, "parameters": count}), flush=True)
    for _ in sys.stdin:
        start, used = time.perf_counter(), time.process_time()
        if ROLE == "unet":
            output = net(feeds["x"], feeds["t"], context=feeds["context"])
        else:
            output = net.decoder(net.post_quant_conv(feeds["z"] / 0.18215))
        print(json.dumps({"seconds": time.perf_counter() - start, "cpuSeconds": time.process_time() - used}), flush=True)
        output.numpy().astype("<f4").tofile(os.path.join(FOLDER, "peer.bin"))


main()

"""Proves the recipes on small synthetic data, in minutes, on a CPU: python models/check.py [RECIPE...]

For every recipe, or those named and what they start from: the loss on 16 fixed samples falls; N steps at once and N/2 steps resumed for
N/2 end in bit-identical weights; the shipped files hold those weights. Besides: the safetensors reader and writer, widening of old weights,
weights from a shipped graph, and the bodies' renderer against their golden cases. Not part of `npm test`, because it needs PyTorch.
"""

import json
import math
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))

from common import trainer  # noqa: E402
from common.graphs import load_graph  # noqa: E402
from common.surfaces import TEX, palette, smooth_shape  # noqa: E402
from common.weights import load_grown, load_trained, read_checkpoint, read_weights, write_weights  # noqa: E402
from complete import train as complete  # noqa: E402
from recognise import train as recognise  # noqa: E402
from recognise.names import FAMILIES  # noqa: E402
from segment import train as segment  # noqa: E402
from segment.net import SIZE, Segmenter  # noqa: E402
from views import joint_recipe, layers_recipe, volume_recipe  # noqa: E402
from views import train as views  # noqa: E402
from views.body import FOCAL_PER_WIDTH, Body, VolumeBody, render  # noqa: E402

STEPS = 8  # of the resume check; half of them in the first call
HERE = Path(__file__).resolve().parent


def complete_pack(rng: np.random.Generator) -> Dict[str, np.ndarray]:
    """40 flat coloured shapes and 10 backgrounds."""
    rgba = np.zeros((40, TEX, TEX, 4), np.uint8)
    for row in rgba:
        inner = smooth_shape(rng)[::2, ::2]
        row[32:96, 32:96, 3] = inner * 255
        row[..., :3] = palette(rng, 1)[0] * 255
    return {"rgba": rgba, "object_id": np.arange(40, dtype=np.int32), "split": (np.arange(40) % 4 == 3).astype(np.uint8), "source": np.ones(40, np.uint8),
            "backgrounds": (palette(rng, 10)[:, None, None] * 255 * np.ones((10, TEX, TEX, 3))).astype(np.uint8), "background_split": np.zeros(10, np.uint8),
            "names": np.array([FAMILIES[i % len(FAMILIES)] for i in range(40)])}


def views_pack(rng: np.random.Generator) -> Dict[str, np.ndarray]:
    """12 coloured balls of radius 0.3 to 0.5, orthographic enough for a check: all 16 sides look alike."""
    n, size, small = 12, 128, 64

    def ball(pixels: int, radius: float, colour: np.ndarray) -> np.ndarray:
        axis = ((np.arange(pixels) + 0.5) / pixels - 0.5) * 1.5 / FOCAL_PER_WIDTH
        r = np.hypot(axis[None], axis[:, None]) / radius
        shade = np.sqrt(np.clip(1 - r**2, 0, 1))
        return np.concatenate([colour * (0.4 + 0.6 * shade[..., None]), (r < 1)[..., None], shade[..., None] * radius], -1)

    pictures = [(ball(size, r, c), ball(small, r, c)) for r, c in zip(rng.uniform(0.3, 0.5, n), rng.random((n, 3)))]
    large = np.stack([p[0] for p in pictures])
    rgba = (large[..., :4] * 255).astype(np.uint8)
    rig = np.repeat((np.stack([p[1] for p in pictures])[:, None, ..., :4] * 255).astype(np.uint8), 16, 1)
    height = large[..., 4].astype(np.float16)
    split = (np.arange(n) % 3 == 2).astype(np.uint8)
    return {"rgba": rgba, "front": -height, "back": height, "back_rgb": rgba[..., :3], "object": np.arange(n, dtype=np.int32), "split": split,
            "elevation": rng.uniform(-0.1, 0.6, n).astype(np.float32), "roll": np.zeros(n, np.float32), "distance": np.full(n, 1.5, np.float32),
            "focal": np.full(n, FOCAL_PER_WIDTH, np.float32), "step": np.zeros(n, np.int8), "rig": rig}


def shrink() -> None:
    """Presets of seconds. The networks keep their structure; the prior takes its deep form, which no CPU preset has."""
    prior, denoiser = complete.PRESETS["prior"]["cpu"], complete.PRESETS["denoiser"]["cpu"]
    prior.update(batch=4, net={"widths": [16, 16, 32, 32], "unshuffle": 2})
    denoiser.update(batch=4, net={"stem": 16, "widths": [32, 32], "blocks": 2, "temb": 32, "patch": 2})
    segment.PRESETS["cpu"].update(batch=12, net={"encoder": [16, 16, 32], "decoder": [8, 16, 32], "embedding": 8})
    recognise.BATCH["cpu"] = 4
    layers_recipe.PRESETS["cpu"].update(batch=4, net={"widths": [16, 32, 32], "depths": [1, 1, 1]})
    volume_recipe.PRESETS["cpu"].update(batch=4, rig_views=4, net={"widths": [16, 32, 32], "depths": [1, 1, 1], "voxels": 24})
    joint_recipe.PRESETS["cpu"].update(batch=2, views=12, net={"width": 16, "volume": 8, "embed": 16})
    complete.CASES, segment.CASES, recognise.CASES, layers_recipe.CASES, volume_recipe.CASES, joint_recipe.CASES = 4, 8, 8, 8, 4, 2
    trainer.LOG_STEPS = 4
    trainer.WARM_UP = 5


def call(main: Callable[[], None], *options: Any) -> Path:
    """One call of a recipe's command; returns its --out."""
    words = [str(o) for o in options]
    sys.argv = ["train.py", *words, "--device", "cpu"]
    main()
    return Path(words[words.index("--out") + 1])


def losses(folder: Path) -> List[float]:
    return [e["loss"] for e in map(json.loads, (folder / "log.jsonl").read_text().splitlines()) if "loss" in e]


def check_recipe(name: str, main: Callable[[], None], options: List[Any], out: Path, overfit_steps: int) -> str:
    run = call(main, *options, "--out", out / f"{name}-overfit", "--steps", overfit_steps, "--overfit", 16, "--lr", 3e-3)
    curve = losses(run)
    first, last = curve[0], float(np.mean(curve[-2:]))
    assert last < 0.8 * first, f"{name}: 16 samples are not learned: loss {first} to {last}"
    at_once = call(main, *options, "--out", out / f"{name}-once", "--steps", STEPS)
    halves = call(main, *options, "--out", out / f"{name}-halves", "--steps", STEPS, "--call-steps", STEPS // 2)
    assert not (halves / "weights").exists(), f"{name}: a run that is not complete wrote its weights"
    call(main, *options, "--out", halves, "--steps", STEPS, "--resume")
    a, b = (read_checkpoint(f / "last.pt") for f in (at_once, halves))
    assert a["step"] == b["step"] == STEPS
    for part in ("model", "ema"):
        for key, value in a[part].items():
            assert torch.equal(value, b[part][key]), f"{name}: {part} {key} differs after resuming"
    shipped = load_trained(halves / "weights")
    assert shipped.config == a["config"] and all(torch.equal(v, a["ema"][k].half().float()) for k, v in shipped.state.items())
    return f"loss on 16 samples {first:.3f} to {last:.3f}; resumed bit for bit"


def check_fit(name: str, main: Callable[[], None], options: List[Any], out: Path) -> str:
    """The recogniser is no gradient descent: its sums are the same after resuming, and its map says more of what it has seen than the mean."""
    at_once = call(main, *options, "--out", out / f"{name}-once", "--steps", STEPS)
    halves = call(main, *options, "--out", out / f"{name}-halves", "--steps", STEPS, "--call-steps", STEPS // 2)
    assert not (halves / "weights").exists(), f"{name}: a run that is not complete wrote its weights"
    call(main, *options, "--out", halves, "--steps", STEPS, "--resume")
    a, b = (read_checkpoint(f / "last.pt") for f in (at_once, halves))
    assert a["step"] == b["step"] == STEPS and torch.equal(a["gram"], b["gram"]) and torch.equal(a["cross"], b["cross"]), f"{name}: differs after resuming"
    first, second = (load_trained(f / "weights").state for f in (at_once, halves))
    assert all(torch.equal(v, second[k]) for k, v in first.items()), f"{name}: the shipped files differ after resuming"
    # texts have unit length: what of their sum of squares the map explains, and what their mean alone explains
    gram, cross = a["gram"].sum(0), a["cross"].sum(0)
    found = torch.cat([first["head.weight"].T, first["head.bias"][None]]).double()
    explained = float((2 * (found * cross).sum() - (found * (gram @ found)).sum()) / gram[-1, -1])
    constant = float((cross[-1] ** 2).sum() / gram[-1, -1] ** 2)
    assert explained > constant + 0.2 * (1 - constant), f"{name}: the map explains {explained}, the mean text {constant}"
    return f"explains {explained:.3f} of the texts, their mean {constant:.3f}; resumed bit for bit"


def check_weights(out: Path) -> str:
    g = torch.Generator().manual_seed(1)
    state = {f"w{i}": torch.randn(50, 7, 3, 3, generator=g) for i in range(5)} | {"n": torch.arange(4)}
    files = write_weights(out / "weights", state, {"size": 1}, 3, 1.5, limit=30_000)
    assert len(files) > 2 and all(f.stat().st_size <= 30_000 for f in files[:-1])
    back = read_weights(out / "weights")
    assert back.step == 3 and all(torch.equal(back.state[k], v.half().float() if v.is_floating_point() else v) for k, v in state.items())
    wide = torch.nn.Conv2d(4, 2, 3)
    grown = load_grown(wide, {"weight": torch.ones(2, 3, 3, 3), "bias": torch.zeros(2)})
    assert grown == ["weight"] and float(wide.weight[:, 3:].detach().abs().max()) == 0
    try:
        load_grown(wide, {"weight": torch.ones(5, 3, 3, 3)})
    except ValueError as error:
        assert "bias is missing" in str(error) and "weight is" in str(error)
    else:
        raise AssertionError("weights of another size were taken")
    return f"{len(files) - 1} shards read back"


def check_graph() -> str:
    """The network filled from the shipped segmenter's graph answers as the graph does."""
    import onnxruntime as ort

    path = HERE / "segment" / "segmenter.onnx"
    model = Segmenter().eval()
    kept = load_graph(model, path)
    assert kept == ["sharpness"], f"the graph lacks {kept}"
    g = torch.Generator().manual_seed(2)
    inputs = {"image": torch.rand(1, 3, SIZE, SIZE, generator=g) * 2 - 1, "prompt": torch.zeros(1, 3, SIZE, SIZE)}
    inputs["prompt"][:, 0, 60:64, 60:64] = 1
    (want,) = ort.InferenceSession(str(path)).run(None, {k: v.numpy() for k, v in inputs.items()})
    with torch.no_grad():
        worst = float((model(**inputs) - torch.from_numpy(want)).abs().max())
    assert worst < 1e-3, f"weights from the graph answer {worst} away from it"
    try:
        load_graph(Segmenter(embedding=16), path)
    except ValueError as error:
        assert "encoder.embed.2.weight of" in str(error)
    else:
        raise AssertionError("a graph of another size was taken")
    return f"largest difference {worst:.1e}"


def check_body(name: str) -> str:
    """The renderer against golden/`name`.json, in a batch of two of which the second is the golden one."""
    folder = HERE / "views"
    golden = json.loads((folder / "golden" / f"{name}.json").read_text())

    def tensor(entry: Dict[str, Any]) -> torch.Tensor:
        return torch.from_numpy(np.fromfile(folder / entry["path"], "<f4").reshape(entry["dims"]))

    inputs = {k: tensor(v) for k, v in golden["inputs"].items()}
    image = inputs["image"]
    planes = inputs["volume"] if "volume" in inputs else torch.cat([inputs["front"][None], inputs["back"][None], inputs["backRgb"]])
    kind, more = (VolumeBody, [golden["threshold"]]) if "volume" in inputs else (Body, [])
    pair = torch.stack([image.flip(-1), image]), torch.stack([planes.flip(-1), planes])
    body = kind(*pair, torch.full((2,), golden["elevation"]), golden["inputDistance"], *more)
    got = render(body, 32, 2, azimuths=[math.radians(22.5 * v) for v in golden["viewIndices"]], scale=torch.full((2,), golden["scale"]),
                 offset=torch.tensor([golden["offset"]] * 2))[1]
    worst = float((got - tensor(golden["outputs"]["views"])).abs().max())
    assert worst < 1e-3, f"the renderer of {name} left its golden case by {worst}"
    return f"largest difference {worst:.1e}"


def main() -> None:
    start = time.time()
    named = sys.argv[1:]
    shrink()
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        rng = np.random.default_rng(0)
        pairs, objects = out / "complete.npz", out / "views.npz"
        np.savez(pairs, **complete_pack(rng))
        np.savez(objects, **views_pack(rng))
        report = {"weights": check_weights(out), "graph": check_graph(), "body": check_body("body"), "volume-body": check_body("volume-body")}
        prior, layers = out / "prior-once", out / "layers-once"
        recipes = {
            "prior": (complete.main, ["--model", "prior", "--data", pairs], 60, None),
            "denoiser": (complete.main, ["--model", "denoiser", "--data", pairs, "--prior", prior], 80, "prior"),
            "segment": (segment.main, ["--data", pairs], 60, None),
            "layers": (views.main, ["--model", "layers", "--data", objects], 40, None),
            "volume": (views.main, ["--model", "volume", "--data", objects, "--layers", layers], 40, "layers"),
            "joint": (views.main, ["--model", "joint", "--data", objects, "--layers", layers, "--bodies", out / "bodies.npz"], 24, "layers"),
        }
        recipes["recognise"] = (recognise.main, ["--data", pairs, "--prior", prior], 0, "prior")
        needed = {recipes[name][3] for name in named} | set(named) if named else set(recipes)
        for name, (recipe, options, overfit_steps, _) in recipes.items():
            if name in needed:
                report[name] = check_recipe(name, recipe, options, out, overfit_steps) if overfit_steps else check_fit(name, recipe, options, out)
    for name, line in report.items():
        print(f"ok {name}: {line}")
    print(f"PyTorch {torch.__version__}, {time.process_time():.0f} s of CPU, {time.time() - start:.0f} s of clock")


if __name__ == "__main__":
    main()

"""Measures the recogniser on composites of test objects: the shape of pix2gestalt's Table 2.

    python models/recognise/evaluate.py --data complete.pack [--model image.onnx|RUN] [--cases 100] [--sheet sheet.png]

RUN is a run's folder, a checkpoint or a folder of safetensors. The labels are the names of all named objects of the split. Completions come from
the shipped bundle ../complete, one sample each, with the photo's own pixels where the object is visible.
"""

import argparse
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.device import Machine, open_machine  # noqa: E402
from common.pictures import save_picture, sheet  # noqa: E402
from common.weights import load_trained  # noqa: E402
from complete.compose import BANDS, completion_batch  # noqa: E402
from complete.evaluate import draw  # noqa: E402
from complete.evaluate import load as load_completion  # noqa: E402
from recognise.names import label_set, labels_of  # noqa: E402
from recognise.net import ImageTower  # noqa: E402
from recognise.pictures import named_bank, shown_pictures, tight  # noqa: E402
from recognise.table import TextTable  # noqa: E402

Tower = Callable[[torch.Tensor], torch.Tensor]
HERE = Path(__file__).resolve().parent
SOURCES = ("furniture", "procedural", "emoji")
FINE = 128  # pixels in which scenes are drawn; completions have half of that


def load(path: Path, machine: Machine) -> Tuple[Tower, int]:
    """The tower of an ONNX graph or of trained weights, and its pixels a side."""
    if path.suffix == ".onnx":
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda p: torch.from_numpy(session.run(None, {"picture": p.cpu().numpy()})[0]).to(p.device), session.get_inputs()[0].shape[2]
    trained = load_trained(path)
    model = ImageTower(**trained.config).eval().to(machine.device)
    model.load_state_dict(trained.state)
    return torch.no_grad()(model), model.size


def cases(pack: Dict[str, Any], split: int, labels: List[str], per_band: int, seed: int, machine: Machine) -> Dict[str, torch.Tensor]:
    """completion_batch at FINE without augmentation, `per_band` scenes of every band, and `label`: the right place in `labels`."""
    bank, label = named_bank(pack, (split,), labels, machine.device, shapes=300, seed=seed)
    g = machine.generator(seed)
    parts: List[Dict[str, torch.Tensor]] = []
    for i, band in enumerate(BANDS):
        got: List[Dict[str, torch.Tensor]] = []
        while sum(len(d["ok"]) for d in got) < per_band:
            d = completion_batch(bank, g, 20, FINE, False, band)
            got.append({k: v[d["ok"]] for k, v in d.items()})
        parts.append({k: torch.cat([d[k] for d in got])[:per_band] for k in got[0]} | {"band": torch.full((per_band,), i)})
    d = {k: torch.cat([p[k] for p in parts]) for k in parts[0]}
    return d | {"label": label[d["index"]].cpu()}


def completed(d: Dict[str, torch.Tensor], machine: Machine) -> torch.Tensor:
    """Completions [N,4,FINE,FINE] in the form of x0."""
    model, size, conditioned = load_completion(str(HERE.parent / "complete/denoiser.onnx"), "denoiser", machine)
    prior, _, _ = load_completion(str(HERE.parent / "complete/prior.onnx"), "prior", machine)
    small = {"cond": F.avg_pool2d(d["cond"], FINE // size)}
    answer = draw(model, small, 2, 1.0, 1.0, prior, 1, 300, conditioned)[0]
    answer = F.interpolate(answer, size=(FINE, FINE), mode="bilinear", align_corners=False).to(machine.device)
    mask = d["cond"][:, 3:4]
    alpha = torch.maximum((answer[:, 3:] + 1) / 2, mask)
    return torch.cat([answer[:, :3] * (1 - mask) + d["cond"][:, :3], alpha * 2 - 1], 1)


def hits(tower: Tower, picture: torch.Tensor, texts: torch.Tensor, right: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Whether the right label is the first, and among the first three: bool [N] each."""
    order = torch.cat([tower(part) for part in picture.split(64)]).cpu() @ texts.T
    hit = order.argsort(1, descending=True)[:, :3] == right[:, None]
    return hit[:, 0], hit.any(1)


def source_kinds(pack: Dict[str, Any], split: int, labels: List[str]) -> List[int]:
    """For each label which of SOURCES its objects of this split come from; the first, where there are several."""
    kinds: Dict[str, int] = {}
    for label, source, where in zip(labels_of(pack), pack["source"], pack["split"]):
        if where == split:
            kinds.setdefault(label, int(source))
    return [kinds[label] for label in labels]


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--model", type=Path, default=HERE / "image.onnx")
    ap.add_argument("--text", type=Path, default=HERE, help="folder of the text table")
    ap.add_argument("--device", default="cpu")
    ap.add_argument("--split", type=int, default=2, help="0 train, 1 validation, 2 test")
    ap.add_argument("--cases", type=int, default=100, help="per band")
    ap.add_argument("--seed", type=int, default=99)
    ap.add_argument("--sheet", type=Path)
    a = ap.parse_args()
    machine = open_machine(a.device)
    pack = load_arrays(a.data)
    labels, seen = label_set(pack, [a.split]), set(label_set(pack, [0]))
    texts = TextTable(a.text).embed(labels)
    d = cases(pack, a.split, labels, a.cases, a.seed, machine)
    tower, size = load(a.model, machine)
    photo, visible, whole = shown_pictures(d, size)
    shown = {"occluded photo": photo, "visible part": visible, "completion": tight(completed(d, machine), size), "true whole": whole}
    right, band = d["label"], d["band"]
    known = torch.tensor([labels[i] in seen for i in right])
    kinds = source_kinds(pack, a.split, labels)
    source = torch.tensor([kinds[i] for i in right])
    groups = {"all": torch.ones(len(right), dtype=torch.bool)}
    groups |= {f"{int(100 * lo)}-{int(100 * hi)} % hidden": band == i for i, (lo, hi) in enumerate(BANDS)}
    groups |= {name: source == i for i, name in enumerate(SOURCES)} | {"name also in training": known, "name new": ~known}
    print(f"{len(right)} scenes of {len(set(right.tolist()))} names; {len(labels)} labels, {sum(name in seen for name in labels)} of them also names of "
          f"training objects; chance {100 / len(labels):.1f} and {300 / len(labels):.1f} %")
    print("| top-1 / top-3, % | " + " | ".join(f"{name} ({int(g.sum())})" for name, g in groups.items()) + " |\n| --- |" + " --- |" * len(groups))
    for name, picture in shown.items():
        first, three = hits(tower, picture, texts, right)
        cells = [f"{100 * first[g].float().mean():.1f} / {100 * three[g].float().mean():.1f}" for g in groups.values()]
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if a.sheet:
        pick = [b * a.cases + i for i in range(5) for b in range(4)]
        save_picture(sheet([p[pick, :3].cpu() for p in shown.values()]), a.sheet)
        for i in pick:
            row = []
            for picture in shown.values():
                order = (tower(picture[i : i + 1]).cpu() @ texts.T)[0].argsort(descending=True)[:3]
                row.append(", ".join(labels[int(k)] for k in order))
            print(f"{labels[int(right[i])]}: " + " | ".join(row))


if __name__ == "__main__":
    main()

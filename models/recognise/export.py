"""Writes the bundle: image.onnx (weights stored as fp16, computed in fp32), names.txt, golden cases, bundle.json. The text table lies there already.

    python models/recognise/export.py --checkpoint RUN/recognise --data complete.pack [--revision 1] [--out DIR]

RUN/recognise is a run's folder, a checkpoint or a folder of safetensors. Of the pack it takes the names of the training objects, and its validation
objects for the scale of the probabilities.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Dict

import numpy as np
import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common.arrays import load_arrays  # noqa: E402
from common.bundle import ATTRIBUTION, listed, to_onnx, verify, write_golden  # noqa: E402
from common.device import open_machine  # noqa: E402
from common.weights import load_trained  # noqa: E402
from recognise.evaluate import cases  # noqa: E402
from recognise.names import label_set  # noqa: E402
from recognise.net import ImageTower  # noqa: E402
from recognise.pictures import MARGIN, PHOTO_MARGIN, shown_pictures  # noqa: E402
from recognise.table import DIMS, TextTable  # noqa: E402

HERE = Path(__file__).parent
TABLE = ("vocab.txt", "tokens.i8", "scales.f32")
TOLERANCE = 2e-3
SCALES = np.geomspace(3, 60, 40)
# Texts of the golden table: plain, of many pieces, with signs, accents, another script
TEXTS = ("wine bottle", "Teddy bear", "armchair", "T-shirt", "café au lait", "o’clock", "rock'n'roll guitar", "antidisestablishmentarianism",
         "日本 lantern", "3.5 mm plug", "Ünïcode Żółw", "xylophone", "kitchen upper cabinet", "dog/cat", "a photo of a chair", "smørrebrød",
         "🙂 face", "jack-o-lantern", "stuffed flatbread", "e-mail (new)")


def golden_pictures(size: int) -> torch.Tensor:
    """[2,4,size,size]: a disc cut out, and an opaque picture of two boxes; bytes can hold both."""
    yy, xx = torch.meshgrid(torch.linspace(-1, 1, size), torch.linspace(-1, 1, size), indexing="ij")
    disc = (xx**2 + yy**2 < 0.6).float()
    cut = torch.cat([torch.stack([xx, yy, xx * yy]) * disc, disc[None]])
    boxes = torch.stack([0.5 * xx, 0.5 * yy, -0.5 * xx])
    boxes[:, (xx.abs() < 0.5) & (yy > 0)] = torch.tensor([0.6, -0.2, -0.8])[:, None]
    picture = torch.stack([cut, torch.cat([boxes, torch.ones(1, size, size)])])
    return ((picture + 1) * 127.5).round() / 127.5 - 1


def calibrated(model: ImageTower, text: TextTable, pack: dict) -> float:
    """What cosines are multiplied with before the softmax: the scale under which validation objects' names are likeliest."""
    labels = label_set(pack, [1])
    d = cases(pack, 1, labels, 60, 7, open_machine("cpu"))
    texts = text.embed(labels)
    with torch.no_grad():
        pictures = torch.cat(shown_pictures(d, model.size))
        cosines = torch.cat([model(part) for part in pictures.split(64)]) @ texts.T
    right = d["label"].repeat(3)
    losses = [float(F.cross_entropy(float(s) * cosines, right)) for s in SCALES]
    return round(float(SCALES[int(np.argmin(losses))]), 2)


def main() -> None:
    ap = argparse.ArgumentParser()
    ap.add_argument("--checkpoint", type=Path, required=True)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--text", type=Path, default=HERE, help="folder of the text table")
    ap.add_argument("--revision", default="1")
    ap.add_argument("--out", type=Path, default=HERE)
    a = ap.parse_args()
    torch.set_num_threads(1)
    a.out.mkdir(parents=True, exist_ok=True)
    trained = load_trained(a.checkpoint)
    model = ImageTower(**trained.config).eval()
    model.load_state_dict(trained.state)
    pack, text = load_arrays(a.data), TextTable(a.text)
    if a.text.resolve() != a.out.resolve():
        for name in TABLE:
            shutil.copyfile(a.text / name, a.out / name)
    (a.out / "names.txt").write_text("\n".join(label_set(pack, [0])) + "\n", encoding="utf8")

    picture = golden_pictures(model.size)
    path = a.out / "image.onnx"
    to_onnx("image-tower", model, trained.config, path)
    with torch.no_grad():
        embedding = model(picture)
    arrays = {"picture": picture.numpy(), "embedding": embedding.numpy()}
    worst = verify(path, {"picture": arrays["picture"]}, arrays["embedding"])
    if worst >= TOLERANCE:
        raise ValueError(f"{path}: expected within {TOLERANCE} of PyTorch, came {worst}")
    scale = calibrated(model, text, pack)
    print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, "
          f"largest difference from torch {worst:.2e}, scale {scale}")
    golden = write_golden(a.out / "golden", arrays, ["picture"], ["embedding"], TOLERANCE, as_bytes={"picture": (1 / 127.5, -1.0)})
    table: Dict[str, object] = {"texts": [
        {"text": t, "tokens": text.tokenizer.encode(t), "embedding": [round(float(v), 6) for v in text.embed([t])[0][:8]]} for t in TEXTS
    ]}
    (a.out / "golden/texts.json").write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf8")
    bundle = {
        "schemaVersion": 1,
        "id": "gestalt-recognise",
        "revision": a.revision,
        "licence": "CC-BY-4.0",
        "attribution": [
            *ATTRIBUTION,
            "Text table: distilled from all-MiniLM-L6-v2 of the sentence-transformers project (Apache-2.0); vocab.txt is that model's vocabulary, from BERT",
            "Names that the text table was fitted to: WordNet 3.1, Princeton University (WordNet licence); Unicode CLDR names of emoji by unicode-emoji-json (MIT)",
        ],
        "origin": {
            "recipe": "models/recognise/distil.py and train.py, with models/complete/compose.py and prior.py",
            "data": "Renders of household and procedural objects and emoji with their names, in composites over procedural and photographic backgrounds; see README.md",
            "encoder": "of the completion prior that train.py was given; see README.md",
            "step": trained.step,
            "minutes": round(trained.minutes, 1),
        },
        "files": listed(a.out, ["image.onnx", *TABLE, "names.txt", *sorted(str(p.relative_to(a.out)) for p in (a.out / "golden").iterdir())]),
        "graphs": {
            "image": {
                "file": "image.onnx",
                "inputs": [{"name": "picture", "dtype": "float32", "dims": ["B", 4, model.size, model.size]}],
                "outputs": [{"name": "embedding", "dtype": "float32", "dims": ["B", DIMS]}],
            }
        },
        "preprocessing": {
            "size": model.size,
            "channels": ["R", "G", "B", "alpha"],
            "colours": "-1..1, times alpha",
            "alpha": "0..1 where the object is; 1 all over for a photograph",
            "fit": "the square round the object, its side the longest side times margin; of a photograph times photoMargin",
            "margin": MARGIN,
            "photoMargin": PHOTO_MARGIN,
        },
        "logitScale": scale,
        "text": "unit vector of the sum over the tokens (vocab.txt, WordPiece, uncased) of tokens.i8 [token, dimension] times scales.f32 [token]",
        "golden": golden,
    }
    (a.out / "bundle.json").write_text(json.dumps(bundle, indent=2, ensure_ascii=False) + "\n", encoding="utf8")


if __name__ == "__main__":
    main()
